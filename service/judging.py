"""One pair of pictures judged: what `/evaluate` does once and `/evaluate/batch` many times.

Never reads a request and never makes an answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from pydantic import BaseModel, ConfigDict, Field

from service.admission import Place
from service.inference import Inference, Timed
from service.models import Model, Stoppable
from sharpening.codec import Image, decode, read_size
from sharpening.degradation import Degradation
from sharpening.evaluation import Evaluation, Sharpener, evaluate
from sharpening.metrics import Score, check_pair

KIND = "evaluate"
"""What admission measures the pace of: scoring takes longer than sharpening."""

Files = tuple[bytes, bytes | None]
"""The reference and, unless it is to be blurred here, the blurred picture."""


class EvaluateQuery(BaseModel):
    """The parameters of an evaluation; one that is not among them is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: str | None = Field(
        default=None,
        max_length=100,
        description="Whose models are judged, and whose degradation blurs a reference that comes "
        "alone: see /models. Default: that of the models called plainly student and teacher.",
    )


class Scores(BaseModel):
    """The scores of one pair; all but the last are against the reference."""

    input: Score
    student: Score
    teacher: Score | None = Field(description="Null if no teacher is loaded.")
    student_vs_teacher: Score | None = Field(description="Null if no teacher is loaded.")

    @classmethod
    def of(cls, evaluation: Evaluation) -> "Scores":
        """Return the scores of the two roles that are judged."""
        return cls(
            input=evaluation.input,
            student=evaluation.models["student"],
            teacher=evaluation.models.get("teacher"),
            student_vs_teacher=evaluation.student_vs_teacher,
        )


@dataclass(frozen=True)
class Pair:
    """Two decoded pictures of one size, and how the second was made if it was made here."""

    reference: Image
    blurred: Image
    degradation: Degradation | None


@dataclass(frozen=True)
class Judged:
    """The scores of a pair and what the student made of the blurred picture."""

    scores: Scores
    sharpened: Image


async def count_pixels(files: Files, inference: Inference, *, max_pixels: int) -> int:
    """Return the pixels of the pictures that there are, by their headers.

    Raises as `read_size` does.
    """
    sizes = [
        await inference.peek(partial(read_size, data, max_pixels=max_pixels))
        for data in files
        if data is not None
    ]
    return sum(width * height for width, height in sizes)


def open_pair(
    reference_data: bytes,
    blurred_data: bytes | None,
    *,
    degradation: Degradation,
    max_pixels: int,
) -> Pair:
    """Decode both pictures, or the reference alone and blur it by `degradation`.

    Raises what `decode` raises, and `SizeMismatchError` or `ImageError` where the pictures cannot
    be compared.
    """
    reference = decode(reference_data, max_pixels=max_pixels)
    if blurred_data is None:
        blurred = reference.with_pixels(degradation.apply(reference.pixels))
    else:
        blurred = decode(blurred_data, max_pixels=max_pixels)
    check_pair(reference.pixels, blurred.pixels)
    return Pair(reference, blurred, degradation if blurred_data is None else None)


async def judge_pair(
    pair: Pair, models: Mapping[str, Model], inference: Inference, place: Place
) -> Timed[Judged]:
    """Let every model sharpen the pair's blurred picture, and score what comes out."""
    engines = {role: Stoppable(model.engine, place.check) for role, model in models.items()}
    return await inference.run_model(partial(_judge, pair, engines), on_cancel=place.abandon)


def _judge(pair: Pair, sharpeners: Mapping[str, Sharpener]) -> Judged:
    evaluation, sharpened = evaluate(pair.reference.pixels, pair.blurred.pixels, sharpeners)
    return Judged(Scores.of(evaluation), pair.blurred.with_pixels(sharpened["student"]))
