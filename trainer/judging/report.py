"""Judging models on folders of sharp pictures, and the tables that come of it."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter
from tqdm.auto import tqdm

from sharpening.degradation import Degradation
from sharpening.errors import ImageError, TrainingError
from sharpening.evaluation import (
    Evaluation,
    ScoreSummary,
    Sharpener,
    evaluate,
    summarise_scores,
)
from trainer.photographs import list_pictures, read_pixels

Pixels = npt.NDArray[np.uint8]

INPUT = "blurred input"


Report = dict[str, dict[str, ScoreSummary]]
"""Rows by set, then by model; the input counts as a model."""

REPORT = TypeAdapter(Report)

Evaluations = dict[str, list[Evaluation]]
"""By set, what every picture came to."""


def find_sets(folder: Path) -> dict[str, list[Path]]:
    """Return the sets of pictures: each subfolder's, and those that lie in the folder itself.

    Raises `TrainingError` if there are none.
    """
    sets: dict[str, list[Path]] = {}
    for path in list_pictures(folder):
        inner = path.relative_to(folder).parts[:-1]
        sets.setdefault(inner[0] if inner else folder.name, []).append(path)
    if not sets:
        raise TrainingError(f"no pictures in {folder}: give a folder of sharp photographs")
    return sets


def judge(
    sets: Mapping[str, Sequence[Path]],
    degradation: Degradation,
    sharpeners: Mapping[str, Sharpener],
) -> Report:
    """Return the rows of the models and of the input; see `evaluate_sets`."""
    return tabulate(evaluate_sets(sets, degradation, sharpeners))


def evaluate_sets(
    sets: Mapping[str, Sequence[Path]],
    degradation: Degradation,
    sharpeners: Mapping[str, Sharpener],
) -> Evaluations:
    """Blur every picture, let every model sharpen it and score what comes out.

    Several pictures at a time: scoring takes one core and longer than the student. Raises
    `TrainingError` for a picture that cannot be judged.
    """
    evaluations: Evaluations = {}
    evaluate_one = partial(_evaluate_one, degradation=degradation, sharpeners=sharpeners)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, paths in sets.items():
            evaluated = pool.map(evaluate_one, paths)
            shown = tqdm(evaluated, name, len(paths), unit="picture", disable=None)
            evaluations[name] = list(shown)
    return evaluations


def tabulate(evaluations: Evaluations, names: Mapping[str, str] = MappingProxyType({})) -> Report:
    """Return the rows of the models and of the input over each set.

    `names` says what models are called in the report, where that is not what they were called.
    """
    report: Report = {}
    for name, pictures in evaluations.items():
        rows = {INPUT: summarise_scores([each.input for each in pictures])}
        for model in pictures[0].models:
            scores = [each.models[model] for each in pictures]
            rows[names.get(model, model)] = summarise_scores(scores)
        report[name] = rows
    return report


def check_sets(sets: Mapping[str, Sequence[Path]]) -> None:
    """Raise `TrainingError` for the first picture that cannot be judged on."""
    for path in (path for paths in sets.values() for path in paths):
        _read(path)


def read_pair(path: Path, degradation: Degradation) -> tuple[Pixels, Pixels]:
    """Return the picture and its blurred self, both `(H, W, 3)` uint8.

    Raises `TrainingError` for a picture that cannot be judged on.
    """
    sharp = _read(path)
    return sharp, degradation.apply(sharp)


def _read(path: Path) -> Pixels:
    try:
        return read_pixels(path)
    except ImageError as error:
        raise TrainingError(f"cannot judge on {path}: {error}") from error


def format_table(report: Report) -> str:
    """Return a Markdown table: a row a model, a column a set, mean PSNR in dB / mean SSIM."""
    models = list(next(iter(report.values())))
    lines = [
        "| | " + " | ".join(report) + " |",
        "|---" * (len(report) + 1) + "|",
    ]
    lines += [
        f"| {model} | " + " | ".join(format_cell(rows[model]) for rows in report.values()) + " |"
        for model in models
    ]
    return "\n".join(lines)


def format_cell(row: ScoreSummary) -> str:
    """Return mean PSNR in dB / mean SSIM; a dash where every picture is identical."""
    psnr = "-" if row.psnr.mean is None else f"{row.psnr.mean:.2f}"
    return f"{psnr} / {row.ssim.mean:.4f}"


def _evaluate_one(
    path: Path, degradation: Degradation, sharpeners: Mapping[str, Sharpener]
) -> Evaluation:
    evaluation, _ = evaluate(*read_pair(path, degradation), sharpeners)
    return evaluation
