"""The paper's own evaluation: four pairs of pictures, the average SSIM and PSNR of each.

Never trains and never writes a file. The paper's Tables 2 and 3 are known to us by their figures
alone: that pairs are rows and that ours stand beside the published ones is our layout.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sharpening.degradation import Degradation
from sharpening.evaluation import Evaluation, ScoreSummary, Sharpener, Summary, summarise_scores
from sharpening.metrics import Score
from trainer.judging.report import evaluate_sets

Pair = Literal[
    "student against teacher",
    "student against sharp",
    "teacher against sharp",
    "input against sharp",
]

PUBLISHED_SSIM: dict[Pair, float] = {
    "student against teacher": 0.9400,
    "student against sharp": 0.8263,
    "teacher against sharp": 0.8807,
}
PUBLISHED_PSNR: dict[Pair, float] = {
    "student against teacher": 34.79,
    "student against sharp": 30.39,
    "teacher against sharp": 32.78,
}
"""What the paper gives, in dB, over 100 pictures of DIV2K; it gives none for the input."""

_PUBLISHED_PROFILE = "paper"


class Comparison(BaseModel):
    """What each pair comes to over one lot of pictures, blurred as the profile says."""

    model_config = ConfigDict(frozen=True)

    profile: str
    pairs: dict[Pair, ScoreSummary]


def compare(
    pictures: Sequence[Path], degradation: Degradation, *, student: Sharpener, teacher: Sharpener
) -> Comparison:
    """Blur the sharp pictures, let both sharpen them and measure the four pairs.

    Raises `TrainingError` for a picture that cannot be judged on.
    """
    sharpeners = {"student": student, "teacher": teacher}
    evaluations = evaluate_sets({"pictures": pictures}, degradation, sharpeners)
    return summarise_pairs(evaluations["pictures"], degradation)


def summarise_pairs(evaluations: Sequence[Evaluation], degradation: Degradation) -> Comparison:
    """Return the four pairs over pictures that a `student` and a `teacher` have sharpened."""
    scores: dict[Pair, list[Score]] = {
        "student against teacher": [_student_vs_teacher(each) for each in evaluations],
        "student against sharp": [each.models["student"] for each in evaluations],
        "teacher against sharp": [each.models["teacher"] for each in evaluations],
        "input against sharp": [each.input for each in evaluations],
    }
    rows = {pair: summarise_scores(each) for pair, each in scores.items()}
    return Comparison(profile=degradation.profile, pairs=rows)


def format_tables(comparison: Comparison) -> str:
    """Return Tables 2 and 3 in Markdown: a row a pair, measured beside published.

    Identical pictures have no PSNR: the mean is over the others, and the number of pictures says
    how many were left out. A dash stands for what there is not.
    """
    published = comparison.profile == _PUBLISHED_PROFILE
    header = "| pair | measured | published | pictures |\n|---|---|---|---|"
    ssim = [
        _row(pair, row.ssim, PUBLISHED_SSIM.get(pair) if published else None, decimals=4)
        for pair, row in comparison.pairs.items()
    ]
    psnr = [
        _row(pair, row.psnr, PUBLISHED_PSNR.get(pair) if published else None, decimals=2)
        for pair, row in comparison.pairs.items()
    ]
    tables = (["Table 2: average SSIM", "", header, *ssim, ""],
              ["Table 3: average PSNR in dB", "", header, *psnr])  # fmt: skip
    return "\n".join(line for table in tables for line in table)


def _student_vs_teacher(evaluation: Evaluation) -> Score:
    assert evaluation.student_vs_teacher is not None
    return evaluation.student_vs_teacher


def _row(pair: Pair, measured: Summary, published: float | None, *, decimals: int) -> str:
    ours, theirs = (
        "-" if value is None else f"{value:.{decimals}f}" for value in (measured.mean, published)
    )
    left_out = f" ({measured.missing} identical left out)" if measured.missing else ""
    return f"| {pair} | {ours} | {theirs} | {measured.count}{left_out} |"
