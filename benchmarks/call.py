"""What each model makes of pictures that went wrong in known ways, and of sharp ones.

    python -m benchmarks.call weights/*.safetensors --data TEST

Every row is one damage, the same for all pictures. The models never saw these pictures, and the
profile `call` draws its damages at random: none of the rows is what it was trained on exactly.
"""

import argparse
from pathlib import Path

from benchmarks.baselines import load_unsharp_mask
from benchmarks.damages import GRID, NOTHING, PAPER, always
from sharpening.degradation import Damage, Degradation, PaperDegradation
from sharpening.engine import Engine
from sharpening.evaluation import Sharpener
from sharpening.files import write_atomically
from sharpening.runtimes import choose_runtime
from sharpening.weights import Weights, load_weights
from trainer.judging.figure import choose_evenly
from trainer.judging.report import REPORT, Report, find_sets, format_cell, judge

_INPUT = "input"


def main() -> None:
    """Print the table."""
    options = _parse()
    pictures = [path for paths in find_sets(options.data).values() for path in paths]
    if options.pictures is not None:
        pictures = choose_evenly(pictures, options.pictures)
    mask = load_unsharp_mask("call")
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
        f"{name}: {damage.describe()}": always(damage) for name, damage in GRID.items()
    }
    return {**rows, PAPER: PaperDegradation(), NOTHING: always(Damage())}


def open_models(models: list[Weights]) -> dict[str, Sharpener]:
    """Return each model's engine by the column's title, students before their teachers."""
    models = sorted(models, key=lambda each: (each.card.profile != "paper", each.card.role))
    return {
        f"`{each.card.profile}` {each.card.role} (`{each.name}`)": Engine(choose_runtime(each))
        for each in models
    }


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
    parser.add_argument("--json", type=Path, help="write every figure there as well")
    return parser.parse_args()


if __name__ == "__main__":
    main()
