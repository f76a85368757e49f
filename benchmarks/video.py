"""Frames a second of `sharpen video`, and of each of its stages alone: the table of docs/video.md.

The clip is made here, of the repository's photograph. Other work on the machine shows.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.clips import Clip, pan, write_clip
from service.models import load_models
from service.settings import Settings
from service.video.colour import Pixels
from service.video.pipeline import Workers, sharpen_video
from service.video.source import Frame, open_source, read_items
from service.video.span import Span
from service.video.target import Encoding, open_target


class _Silence:
    def warn(self, text: str) -> None: ...

    def count(self) -> None: ...


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--model", default="student")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.mp4"), Path(folder, "out.mp4")
        write_clip(source, pan(options.width, options.height, options.frames), Clip())
        sharpen = load_models(Settings()).get(options.model).engine.sharpen
        print(f"| {options.width}x{options.height} px, {options.model} | frames/s |\n|---|---|")
        frames = [item for item in _read(source) if isinstance(item, Frame)]
        stages: dict[str, Callable[[], object]] = {
            "reading: decoding, to RGB": lambda: _read(source),
            "sharpening": lambda: [sharpen(frame.pixels) for frame in frames],
            "writing: from RGB, encoding": lambda: _write(source, target, frames),
            "all of it, overlapping": lambda: _run(source, target, sharpen),
        }
        for name, stage in stages.items():
            begun_s = time.perf_counter()
            stage()
            print(f"| {name} | {len(frames) / (time.perf_counter() - begun_s):.1f} |", flush=True)


def _read(source: Path) -> list[object]:
    with open_source(source, Span()) as opened:
        return list(read_items(opened))


def _write(source: Path, target: Path, frames: list[Frame]) -> None:
    with (
        open_source(source, Span()) as opened,
        open_target(target, opened, frames[0], Encoding()) as (written, _),
    ):
        for frame in frames:
            times = frame.stamp * opened.time_base, frame.duration * opened.time_base
            written.write_frame(frame.pixels, *times)


def _run(source: Path, target: Path, sharpen: Callable[[Pixels], Pixels]) -> None:
    with open_source(source, Span()) as opened, ThreadPoolExecutor(1) as threads:
        workers = Workers(sharpen, threads, 1)
        sharpen_video(
            opened, target, Encoding(), workers, watcher=_Silence(), stopped=threading.Event()
        )


if __name__ == "__main__":
    main()
