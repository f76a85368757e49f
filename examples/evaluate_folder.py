"""Blur and restore sharp pictures: python examples/evaluate_folder.py [URL] [FOLDER]."""

import sys
from pathlib import Path

from service.client import BatchSummary, Pair, PictureFailure, SharpenClient

DEFAULTS = ["http://127.0.0.1:8000", "examples"]
url, folder = sys.argv[1:] + DEFAULTS[len(sys.argv) - 1 :]
pairs = [Pair(path.name, path) for path in sorted(Path(folder).glob("*.png"))]


def show(name: str, *psnr: float | None) -> None:
    print(f"{name:24}", *("     same" if each is None else f"{each:9.2f}" for each in psnr))


print(f"{'PSNR in dB':24}   blurred   student")
with SharpenClient(url) as client:
    for line in client.evaluate_batch(pairs):
        if isinstance(line, PictureFailure):
            print(f"{line.name:24} {line.problem.detail}")
        elif isinstance(line, BatchSummary):
            show("mean", line.input.psnr.mean, line.student.psnr.mean)
        else:
            show(line.name, line.input.psnr, line.student.psnr)
