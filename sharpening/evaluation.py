"""Judging models on a pair of pictures: the one function that trainer and service call."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from sharpening.metrics import DEFINITIONS, Score, check_pair, score

Pixels = npt.NDArray[np.uint8]


class Sharpener(Protocol):
    """Whatever makes pictures sharper: an engine, or something to compare one with."""

    def sharpen(self, blurred: Pixels) -> Pixels:
        """Return the sharpened picture, shape and dtype as given."""


class Evaluation(BaseModel):
    """The scores of one pair: the blurred input and every model against the reference."""

    model_config = ConfigDict(frozen=True)

    definition: dict[str, str] = DEFINITIONS
    input: Score
    models: dict[str, Score]
    student_vs_teacher: Score | None


class Summary(BaseModel):
    """One figure over many pictures; `missing` have none, as identical ones have no PSNR."""

    model_config = ConfigDict(frozen=True)

    mean: float | None
    median: float | None
    min: float | None
    count: int
    missing: int = 0


class ScoreSummary(BaseModel):
    """What one model comes to on many pictures: each figure of `Score`, summed up."""

    model_config = ConfigDict(frozen=True)

    psnr: Summary
    ssim: Summary
    ssim_gaussian: Summary
    psnr_y: Summary


def evaluate(
    reference: Pixels, blurred: Pixels, sharpeners: Mapping[str, Sharpener]
) -> tuple[Evaluation, dict[str, Pixels]]:
    """Sharpen `blurred` with each sharpener and score the results against `reference`.

    Both are `(H, W, 3)` uint8 of one size. Returns the scores and the sharpened pictures by the
    sharpeners' names; `student_vs_teacher` is there if sharpeners of these two names are.
    """
    check_pair(reference, blurred)
    sharpened: dict[str, Pixels] = {
        name: sharpener.sharpen(blurred) for name, sharpener in sharpeners.items()
    }
    both = "student" in sharpened and "teacher" in sharpened
    evaluation = Evaluation(
        input=score(reference, blurred),
        models={name: score(reference, pixels) for name, pixels in sharpened.items()},
        student_vs_teacher=score(sharpened["teacher"], sharpened["student"]) if both else None,
    )
    return evaluation, sharpened


def summarise(values: Sequence[float | None]) -> Summary:
    """Return mean, median and minimum of the values that are there, and count both sorts."""
    present = [value for value in values if value is not None]
    if not present:
        return Summary(mean=None, median=None, min=None, count=0, missing=len(values))
    return Summary(
        mean=statistics.fmean(present),
        median=statistics.median(present),
        min=min(present),
        count=len(present),
        missing=len(values) - len(present),
    )


def summarise_scores(scores: Sequence[Score]) -> ScoreSummary:
    """Return each figure's mean, median and minimum over the pictures."""
    figures = ScoreSummary.model_fields
    return ScoreSummary(
        **{name: summarise([getattr(each, name) for each in scores]) for name in figures}
    )
