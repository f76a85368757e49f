"""What each model makes of pictures that went wrong in known ways, and of sharp ones.

    python -m benchmarks.call weights/*.safetensors --data TEST

Every row is one damage, the same for all pictures. The models never saw these pictures, and the
profile `call` draws its damages at random: none of the rows is what it was trained on exactly.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.baselines import UnsharpMask, load_tuning_crops, tune_unsharp_mask
from sharpening.degradation import (
    PROFILES,
    CallDegradation,
    Damage,
    Degradation,
    PaperDegradation,
)
from sharpening.degradation.blur import DefocusBlur, GaussianBlur, MotionBlur
from sharpening.degradation.compression import H264, Jpeg
from sharpening.degradation.damage import Noise
from sharpening.engine import Engine
from sharpening.evaluation import Sharpener
from sharpening.files import write_atomically
from sharpening.runtimes import choose_runtime
from sharpening.weights import Weights, load_weights
from trainer.config import ContentSplit
from trainer.judging.figure import choose_evenly
from trainer.judging.report import REPORT, Report, find_sets, format_cell, judge
from trainer.photographs import find_photographs, split_photographs
from trainer.store import Store

SOFT = GaussianBlur(sigma_px=0.8)

GRID: dict[str, Damage] = {
    "soft": Damage(blur=SOFT),
    "softer": Damage(blur=GaussianBlur(sigma_px=1.8)),
    "out of focus": Damage(blur=DefocusBlur(radius_px=2.5)),
    "shaken": Damage(blur=MotionBlur(length_px=6, angle_degrees=30)),
    "half size": Damage(factor=2),
    "third size": Damage(factor=3),
    "JPEG, good": Damage(compression=Jpeg(quality=90)),
    "JPEG, middling": Damage(compression=Jpeg(quality=60)),
    "JPEG, poor": Damage(compression=Jpeg(quality=30)),
    "video, middling": Damage(compression=H264(rate_factor=28)),
    "video, poor": Damage(compression=H264(rate_factor=35)),
    "noise": Damage(noise=Noise(sigma_levels=3)),
    "soft photograph, saved": Damage(blur=GaussianBlur(sigma_px=1.2), compression=Jpeg(quality=80)),
    "call": Damage(
        blur=SOFT,
        factor=1.5,
        shrink="bilinear",
        noise=Noise(sigma_levels=1.5),
        compression=H264(rate_factor=26),
    ),
    "call, poor connection": Damage(
        factor=2,
        shrink="bilinear",
        noise=Noise(sigma_levels=2),
        compression=H264(rate_factor=32, pan_px=(1.3, 0.4)),
    ),
}

PAPER = "the paper's: 2x smaller, Pillow's blur of radius 1.5, 2x larger"
NOTHING = "nothing: the sharp picture, against itself"

TUNED = UnsharpMask(1.0, 25)
"""What `--train` came to on our photographs, so that the table can be made without them."""

_TUNING_VERSIONS = 2
_INPUT = "input"


def main() -> None:
    """Print the table."""
    options = _parse()
    pictures = [path for paths in find_sets(options.data).values() for path in paths]
    if options.pictures is not None:
        pictures = choose_evenly(pictures, options.pictures)
    mask = TUNED if options.train is None else tune(options.train, options.store)
    sharpeners: dict[str, Sharpener] = {
        f"Pillow UnsharpMask({mask.radius_px:g}, {mask.percent}, 0)": mask,
        **open_models([load_weights(path) for path in options.weights]),
    }
    report: Report = {}
    for label, degradation in list_rows().items():
        report |= judge({label: pictures}, degradation, sharpeners)
    if options.json is not None:
        write_atomically(options.json, REPORT.dump_json(report, indent=2))
    print(format_rows(report))
    print(f"\nMeans over {len(pictures)} pictures: PSNR in dB / SSIM against the sharp picture.")


def list_rows() -> dict[str, Degradation]:
    """Return each row's degradation by its label; the last leaves the pictures as they are."""
    rows: dict[str, Degradation] = {
        f"{name}: {damage.describe()}": CallDegradation(typical=damage)
        for name, damage in GRID.items()
    }
    return {**rows, PAPER: PaperDegradation(), NOTHING: CallDegradation(typical=Damage())}


def open_models(models: list[Weights]) -> dict[str, Sharpener]:
    """Return each model's engine by the column's title, students before their teachers."""
    models = sorted(models, key=lambda each: (each.card.profile != "paper", each.card.role))
    return {
        f"`{each.card.profile}` {each.card.role} (`{each.name}`)": Engine(choose_runtime(each))
        for each in models
    }


def tune(train: Path, store: Path) -> UnsharpMask:
    """Return the best unsharp mask for the profile, by the photographs set aside for validation.

    Crops that nothing happened to are not asked: every mask is the worse for them.
    """
    found = find_photographs(train).photographs
    _, validation = split_photographs(found, ContentSplit().fraction)
    planes = Store(store, PROFILES["call"])
    crops = load_tuning_crops(validation, planes, versions=_TUNING_VERSIONS)
    damaged = [each for each in crops if not np.array_equal(each["sharp"], each["blurred"])]
    return tune_unsharp_mask(damaged)


def format_rows(report: Report) -> str:
    """Return a Markdown table: a row a damage, a column a model.

    Two rows at its end tell how far sharp pictures are moved: on average, and the worst of them.
    """
    models = list(report[NOTHING])
    lines = [f"| | {_INPUT} | {' | '.join(models[1:])} |", "|---" * (len(models) + 1) + "|"]
    lines += [
        f"| {label} | {' | '.join(format_cell(rows[model]) for model in models)} |"
        for label, rows in report.items()
    ]
    worst = [report[NOTHING][model].psnr.min for model in models]
    cells = ["-" if each is None else f"{each:.2f}" for each in worst]
    return "\n".join([*lines, f"| the same, the worst picture | {' | '.join(cells)} |"])


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.call", description=__doc__)
    parser.add_argument("weights", type=Path, nargs="*", help="weights files")
    parser.add_argument("--data", type=Path, required=True, help="sharp test pictures")
    parser.add_argument("--pictures", type=int, help="only so many of them, evenly spread")
    parser.add_argument("--train", type=Path, help="photographs to tune the unsharp mask on anew")
    parser.add_argument("--store", type=Path, default=Path("runs/store"))
    parser.add_argument("--json", type=Path, help="write every figure there as well")
    return parser.parse_args()


if __name__ == "__main__":
    main()
