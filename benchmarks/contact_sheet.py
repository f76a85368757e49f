"""Sheets of details at twice their size: blurred, sharpened in several ways, and as they were.

    python -m benchmarks.contact_sheet paper weights/paper-*.safetensors --data TEST/gb82 \\
        --output docs/sheet-paper.png

Whole pictures are blurred and sharpened; a detail of each is shown, under the SSIM and the PSNR in
dB of that detail.
"""

import argparse
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from benchmarks.baselines import load_unsharp_mask
from benchmarks.damages import GRID, NOTHING, always
from sharpening.degradation import PROFILES, Damage, Degradation
from sharpening.engine import Engine
from sharpening.evaluation import Sharpener
from sharpening.files import write_atomically
from sharpening.metrics import psnr, ssim
from sharpening.runtimes import choose_runtime
from sharpening.weights import Weights, load_weights
from trainer.judging.figure import Panel, draw_rows
from trainer.judging.report import read_pair

Pixels = npt.NDArray[np.uint8]

_DETAIL_PX = 128
_ENLARGEMENT = 2
_CAPTION = "SSIM | PSNR in dB of the detail shown, at twice its size"


@dataclass(frozen=True)
class Detail:
    """A square of a picture, and what happens to the picture first; None: the profile's own."""

    picture: str
    left_px: int
    top_px: int
    damage: str | None = None


SHEETS: Mapping[str, Sequence[Detail]] = {
    "readme": [Detail("dog.png", 170, 120)],
    "paper": [
        Detail("baby-lossless.png", 140, 395),
        Detail("girl-lossless.png", 300, 130),
        Detail("mies-lossless.png", 130, 190),
        Detail("grass-lossless.png", 200, 330),
        Detail("flowers-lossless.png", 230, 130),
        Detail("city-lossless.png", 250, 160),
        Detail("night-lossless.png", 340, 290),
    ],
    "call": [
        Detail("baby-lossless.png", 140, 395, "call"),
        Detail("girl-lossless.png", 300, 130, "call, poor connection"),
        Detail("mies-lossless.png", 130, 190, "JPEG, poor"),
        Detail("grass-lossless.png", 200, 330, "soft photograph, saved"),
        Detail("flowers-lossless.png", 230, 130, "out of focus"),
        Detail("city-lossless.png", 250, 160, "video, poor"),
        Detail("night-lossless.png", 340, 290, "shaken"),
        Detail("dog-lossless.png", 170, 120, NOTHING),
    ],
}


def main() -> None:
    """Write the sheet."""
    options = _parse()
    models = sorted(map(load_weights, options.weights), key=lambda each: each.card.role)
    if len({each.card.profile for each in models}) != 1:
        raise SystemExit("give weights of one profile")
    profile = models[0].card.profile
    sharpeners = open_sharpeners(models)
    rows = [
        show_detail(each, options.data, choose_degradation(each.damage, profile), sharpeners)
        for each in SHEETS[options.sheet]
    ]
    figure = draw_rows(["input", *sharpeners, "sharp"], rows, caption=_CAPTION)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    with PillowImage.open(buffer) as drawn:
        smaller = io.BytesIO()
        drawn.convert("RGB").save(smaller, "PNG", optimize=True)
    write_atomically(options.output, smaller.getvalue())


def open_sharpeners(models: Sequence[Weights]) -> dict[str, Sharpener]:
    """Return the tuned unsharp mask of the models' profile and each model's engine.

    Raises `SystemExit` for two models of one role, which a sheet could not tell apart.
    """
    roles = [each.card.role for each in models]
    if len(set(roles)) < len(roles):
        raise SystemExit(f"give one model of each role, not {', '.join(roles)}")
    mask = load_unsharp_mask(models[0].card.profile)
    engines: dict[str, Sharpener] = {
        each.card.role: Engine(choose_runtime(each)) for each in models
    }
    return {f"unsharp mask {mask.radius_px:g}, {mask.percent} %": mask, **engines}


def choose_degradation(damage: str | None, profile: str) -> Degradation:
    """Return the damage of that name in the grid, or the profile's own degradation."""
    if damage is None:
        return PROFILES[profile]
    return always(Damage() if damage == NOTHING else GRID[damage])


def show_detail(
    detail: Detail,
    folder: Path,
    degradation: Degradation,
    sharpeners: Mapping[str, Sharpener],
) -> list[Panel]:
    """Return a row of the sheet; above the sharp detail stands what happened to it."""
    sharp, blurred = read_pair(folder / detail.picture, degradation)
    answers = [sharpener.sharpen(blurred) for sharpener in sharpeners.values()]
    window = (
        slice(detail.top_px, detail.top_px + _DETAIL_PX),
        slice(detail.left_px, detail.left_px + _DETAIL_PX),
    )
    original = sharp[window]
    scored = [Panel(_score(original, each[window]), _enlarge(each[window])) for each in answers]
    first = Panel(_score(original, blurred[window]), _enlarge(blurred[window]))
    return [first, *scored, Panel(detail.damage or detail.picture, _enlarge(original))]


def _score(sharp: Pixels, shown: Pixels) -> str:
    return f"{ssim(sharp, shown):.4f} | {psnr(sharp, shown):.2f}"


def _enlarge(pixels: Pixels) -> Pixels:
    return pixels.repeat(_ENLARGEMENT, axis=0).repeat(_ENLARGEMENT, axis=1)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.contact_sheet", description=__doc__)
    parser.add_argument("sheet", choices=sorted(SHEETS), help="which details")
    parser.add_argument("weights", type=Path, nargs="+", help="a student and a teacher")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the pictures")
    parser.add_argument("--output", type=Path, required=True, help="a PNG")
    return parser.parse_args()


if __name__ == "__main__":
    main()
