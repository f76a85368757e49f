"""Judging models on folders of sharp pictures, and the tables that come of it."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, TypeAdapter
from tqdm.auto import tqdm

from sharpening.codec import decode
from sharpening.degradation import Degradation
from sharpening.errors import ImageError, TrainingError
from sharpening.evaluation import Sharpener, Summary, evaluate, summarise
from sharpening.metrics import Score
from trainer.photographs import list_pictures

INPUT = "blurred input"


class Row(BaseModel):
    """What one model comes to on one set of pictures."""

    model_config = ConfigDict(frozen=True)

    psnr: Summary
    ssim: Summary
    ssim_gaussian: Summary
    psnr_y: Summary


Report = dict[str, dict[str, Row]]
"""Rows by set, then by model; the input counts as a model."""

REPORT = TypeAdapter(Report)


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
    """Blur every picture, let every model sharpen it and score what comes out.

    Several pictures at a time: scoring takes one core and longer than the student. Raises
    `TrainingError` for a picture that cannot be judged.
    """
    report: Report = {}
    judge_one = partial(_judge_one, degradation=degradation, sharpeners=sharpeners)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, paths in sets.items():
            judged = pool.map(judge_one, paths)
            scores = list(tqdm(judged, name, len(paths), unit="picture", disable=None))
            report[name] = {
                model: _summarise([each[model] for each in scores]) for model in scores[0]
            }
    return report


def format_table(report: Report) -> str:
    """Return a Markdown table: a row a model, a column a set, mean PSNR in dB / mean SSIM."""
    models = list(next(iter(report.values())))
    lines = [
        "| | " + " | ".join(report) + " |",
        "|---" * (len(report) + 1) + "|",
    ]
    lines += [
        f"| {model} | " + " | ".join(_cell(rows[model]) for rows in report.values()) + " |"
        for model in models
    ]
    return "\n".join(lines)


def _judge_one(
    path: Path, degradation: Degradation, sharpeners: Mapping[str, Sharpener]
) -> dict[str, Score]:
    try:
        sharp: npt.NDArray[np.uint8] = decode(path.read_bytes()).pixels
        evaluation, _ = evaluate(sharp, degradation.apply(sharp), sharpeners)
    except ImageError as error:
        raise TrainingError(f"cannot judge on {path}: {error}") from error
    return {INPUT: evaluation.input, **evaluation.models}


def _summarise(scores: Sequence[Score]) -> Row:
    return Row(
        **{name: summarise([getattr(each, name) for each in scores]) for name in Row.model_fields}
    )


def _cell(row: Row) -> str:
    psnr = "-" if row.psnr.mean is None else f"{row.psnr.mean:.2f}"
    return f"{psnr} / {row.ssim.mean:.4f}"
