"""What a batch answers: a line of JSON for every picture, and one for all of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from service.judging import Scores
from service.models import Model
from service.problems import Problem
from sharpening.degradation import Degradation
from sharpening.evaluation import ScoreSummary, summarise_scores
from sharpening.metrics import DEFINITIONS

MEDIA_TYPE = "application/x-ndjson"


class PictureLine(Scores):
    """The scores of one pair, as `/evaluate` has them."""

    name: str


class ProblemLine(BaseModel):
    """A pair that could not be judged, and why; the others are judged all the same."""

    name: str
    problem: Problem


class BatchSummary(BaseModel):
    """All pictures of a batch together."""

    pictures: int = Field(description="Names in the batch, each of which had its line.")
    errors: int = Field(description="How many of these lines were problems.")
    definition: dict[str, str] = Field(description="What each figure is.")
    models: dict[str, str] = Field(description="Which model had each role, by its short name.")
    degradation: Degradation | None = Field(
        description="How the references were blurred here; null if blurred pictures were sent."
    )
    input: ScoreSummary
    student: ScoreSummary
    teacher: ScoreSummary | None = Field(default=None, description="Null if none is loaded.")
    student_vs_teacher: ScoreSummary | None = None


class SummaryLine(BaseModel):
    """The last line; where it is missing, the batch was cut off."""

    summary: BatchSummary


Line = PictureLine | ProblemLine | SummaryLine

LINES: dict[str, Any] = {
    MEDIA_TYPE: {
        "schema": {"type": "string"},
        "itemSchema": {
            "anyOf": [
                {"$ref": f"#/components/schemas/{line.__name__}"}
                for line in (PictureLine, ProblemLine, SummaryLine)
            ]
        },
    }
}
"""The OpenAPI description of the lines; `itemSchema` is OpenAPI 3.2's."""


def summarise_lines(
    lines: Sequence[PictureLine],
    *,
    errors: int,
    models: Mapping[str, Model],
    degradation: Degradation | None,
) -> SummaryLine:
    """Return the last line; figures of models that are not there are None."""
    rows = [row for row in Scores.model_fields if "teacher" not in row or "teacher" in models]
    summed_up = {row: summarise_scores([getattr(line, row) for line in lines]) for row in rows}
    return SummaryLine(
        summary=BatchSummary(
            pictures=len(lines) + errors,
            errors=errors,
            definition=DEFINITIONS,
            models={role: model.name for role, model in models.items()},
            degradation=degradation,
            **summed_up,
        )
    )
