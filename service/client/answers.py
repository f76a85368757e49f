"""What the service answers, as typed values.

A member that this version does not know is ignored, so that a newer service can be asked as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture that the service made."""

    data: bytes = field(repr=False)
    media_type: str
    timings_ms: Mapping[str, float]
    """Of the service: decode, queue, model, encode."""
    request_id: str | None

    def save(self, path: str | Path) -> None:
        """Write the picture."""
        Path(path).write_bytes(self.data)


@dataclass(frozen=True, kw_only=True)
class Sharpened(Picture):
    """A sharpened picture, and how it came about."""

    model: str
    """The short name of the model that ran, `role@digest`."""
    etag: str | None


class Score(_Answer):
    """The figures of one picture against its reference; see `Evaluation.definition`."""

    psnr: float | None
    """None where the pictures are identical."""
    ssim: float
    ssim_gaussian: float
    psnr_y: float | None
    identical: bool


class Scores(_Answer):
    """How near to the reference the blurred picture and each model's result come."""

    input: Score
    student: Score
    teacher: Score | None
    """None if the service has no teacher."""
    student_vs_teacher: Score | None


class Evaluation(Scores):
    """The scores of one pair, and how they came about."""

    definition: dict[str, str]
    """What each figure is."""
    models: dict[str, str]
    """Which model had each role, by its short name."""
    degradation: dict[str, JsonValue] | None
    """How the reference was blurred; None if a blurred picture was given."""


class Problem(BaseModel):
    """Why something was refused; other members stand in `model_extra`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    request_id: str | None = None


class PictureScores(Scores):
    """The line of a batch about a picture that was judged."""

    name: str


class PictureFailure(_Answer):
    """The line of a batch about a picture that could not be judged."""

    name: str
    problem: Problem


class Summary(_Answer):
    """One figure over many pictures; `missing` have none, as identical ones have no PSNR."""

    mean: float | None
    median: float | None
    min: float | None
    count: int
    missing: int = 0


class ScoreSummary(_Answer):
    """What one model comes to on many pictures: each figure of `Score`, summed up."""

    psnr: Summary
    ssim: Summary
    ssim_gaussian: Summary
    psnr_y: Summary


class BatchSummary(_Answer):
    """The last line of a batch: how many pictures, how many of them failed, and the figures."""

    pictures: int
    errors: int
    definition: dict[str, str]
    models: dict[str, str]
    degradation: dict[str, JsonValue] | None
    input: ScoreSummary
    student: ScoreSummary
    teacher: ScoreSummary | None
    student_vs_teacher: ScoreSummary | None


class SummaryLine(_Answer):
    """How the summary stands in its line."""

    summary: BatchSummary


BatchLine = PictureScores | PictureFailure | BatchSummary


@dataclass(frozen=True)
class SharpenedFrame:
    """A frame of a stream, sharpened."""

    sequence: int
    """Its number, from 0 in the order of sending."""
    data: bytes = field(repr=False)
    """The file, or of a raw one RGB pixels row by row."""
    width: int
    height: int
    format: str
    model: str
    strength: float
    dropped: int
    """Frames dropped in this stream until then."""
    timings_ms: Mapping[str, float]
    """Of the service: wait, decode, model, encode."""


class DroppedFrame(_Answer):
    """A frame that was not sharpened: a `newer` one came, or the service was `busy`."""

    sequence: int
    reason: str


class FailedFrame(_Answer):
    """A frame that could not be sharpened; without `sequence`, options that cannot be taken."""

    sequence: int | None
    problem: Problem


FrameAnswer = SharpenedFrame | DroppedFrame | FailedFrame


class ModelDescription(_Answer):
    """A loaded model."""

    name: str
    names: list[str]
    sha256: str
    profile: str
    role: str
    architecture: str
    parameters: int
    receptive_field_px: int
    multiple_of: int
    runtime: str
    device: str
    precision: str
    metrics: dict[str, JsonValue]
    teacher: str | None
    created: datetime
    licence: str
    refused: str | None = None
    """Why the file that lies in its place now does not serve instead."""


@dataclass(frozen=True)
class Health:
    """Whether the service takes pictures, and if it does not, why."""

    ready: bool
    detail: str = ""
