"""A training run's settings: TOML into typed, frozen models; an unknown key is an error."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from sharpening.degradation import PROFILES
from sharpening.errors import TrainingError


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ContentSplit(_Model):
    """A share of the photographs is set aside for validation, by the hash of their bytes."""

    by: Literal["content"] = "content"
    fraction: float = Field(default=0.04, gt=0, lt=1)


class NameSplit(_Model):
    """The first photographs by file name are trained on, those after them set aside."""

    by: Literal["name"] = "name"
    training: int = Field(ge=1)


class DataConfig(_Model):
    """How photographs are split, made into patches, and judged."""

    split: Annotated[ContentSplit | NameSplit, Field(discriminator="by")] = ContentSplit()
    degrade: Literal["picture", "patch"] = "picture"
    """Blur each picture once and cut patches from it, or every patch afresh, as the paper does."""
    versions: int = Field(default=1, ge=1)
    """In how many ways a random degradation blurs each picture; patches are cut from all."""
    turn: bool = True
    """Flip and turn patches at random."""
    validation_pictures: int = Field(default=24, ge=1)
    validation_crop_px: int = Field(default=256, ge=0)
    """The side of the middle of each validation photograph that is judged; 0: all of it."""


class NetworkSpec(_Model):
    """Which network is trained."""

    architecture: str
    config: dict[str, JsonValue] = {}


class Phase(_Model):
    """The batch's shape until a share of the budget is spent."""

    until: float = Field(gt=0, lt=1)
    batch_size: int = Field(ge=1)
    patch_px: int = Field(ge=16, multiple_of=8)


class Schedule(_Model):
    """How long, how fast and on what a network is trained.

    The budget is one of `steps`, `minutes` and `epochs`; the learning rate rises linearly over
    `warmup_steps` and falls as a cosine towards `final_learning_rate` at the budget's end, or
    stays. `batch_size` counts the patches of a step on all processes together.
    """

    steps: int | None = Field(default=None, ge=1)
    minutes: float | None = Field(default=None, gt=0)
    epochs: float | None = Field(default=None, gt=0)
    """How often every photograph gives one patch."""
    batch_size: int = Field(default=16, ge=1)
    patch_px: int = Field(default=96, ge=16, multiple_of=8)
    phases: tuple[Phase, ...] = ()
    """Other shapes for the beginning: small patches teach as much in less time."""
    decay: Literal["cosine", "none"] = "cosine"
    learning_rate: float = Field(default=1.5e-3, gt=0)
    final_learning_rate: float = Field(default=1e-6, ge=0)
    warmup_steps: int = Field(default=300, ge=0)
    optimiser: Literal["adamw", "muon"] = "adamw"
    matrix_learning_rate: float = Field(default=0.02, gt=0)
    """Muon's learning rate for the convolutions' weights, beside AdamW's for the rest."""
    weight_decay: float = Field(default=0.0, ge=0)
    second_moment_decay: float = Field(default=0.99, gt=0, lt=1)
    gradient_norm_limit: float = Field(default=0.5, ge=0)
    """0: none."""
    ema_decay: float = Field(default=0.999, ge=0, lt=1)
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16 is used only where the device computes in it itself."""
    validate_every_steps: int = Field(default=1000, ge=1)
    log_every_steps: int = Field(default=100, ge=1)
    checkpoint_every_s: float = Field(default=120.0, ge=0)

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if [self.steps, self.minutes, self.epochs].count(None) != 2:
            raise ValueError("give either steps or minutes or epochs, and only one of them")
        return self

    @model_validator(mode="after")
    def _phases_in_order(self) -> Self:
        ends = [phase.until for phase in self.phases]
        if ends != sorted(set(ends)):
            raise ValueError(f"phases end at {ends}: give them in order, each later than the last")
        return self

    @property
    def largest_patch_px(self) -> int:
        """The largest patch of any phase; smaller photographs cannot be used."""
        return max(self.patch_px, *(phase.patch_px for phase in self.phases), 0)

    @property
    def batch_sizes(self) -> set[int]:
        """The batch sizes of all phases."""
        return {self.batch_size, *(phase.batch_size for phase in self.phases)}

    def shape_at(self, progress: float) -> tuple[int, int]:
        """Return the batch size and the patch's side when this share of the budget is spent."""
        for phase in self.phases:
            if progress < phase.until:
                return phase.batch_size, phase.patch_px
        return self.batch_size, self.patch_px


class ImitationConfig(_Model):
    """Which layers of the student follow which of the teacher's, how much and how long."""

    layers: tuple[tuple[str, str], ...] = Field(min_length=1)
    """Pairs of module names, the student's first, such as `["body.3", "half_up"]`."""
    weight: float = Field(gt=0)
    until: float = Field(default=1.0, gt=0, le=1)
    """The weight falls linearly to nothing when this share of the budget is spent."""


class DistillationConfig(_Model):
    """How much the student follows the sharp photograph, and how much the teacher's output."""

    truth_weight: float = Field(default=0.5, ge=0)
    teacher_weight: float = Field(default=0.5, ge=0)
    teacher_loss: Literal["l1", "mse", "charbonnier"] = "l1"
    """The distance to the teacher's output; `truth_loss` is that to the photograph."""
    fade: bool = False
    """Whether the teacher's weight falls linearly to nothing and the truth's takes it over."""
    ask: Literal["once", "always"] = "once"
    """Once for each photograph, the answer kept on disk, or anew for every patch."""
    self_ensemble: bool = False
    """Whether the answer is the mean of eight, one for each turn and flip; asked once only."""
    imitation: ImitationConfig | None = None

    @model_validator(mode="after")
    def _eightfold_once(self) -> Self:
        if self.self_ensemble and self.ask == "always":
            raise ValueError('self_ensemble takes eight answers: it needs ask = "once"')
        return self


class Stage(_Model):
    """A network and its schedule."""

    network: NetworkSpec
    schedule: Schedule


class Config(_Model):
    """Everything a run is determined by, besides the photographs and the machine."""

    seed: int = Field(default=1, ge=0)
    profile: Literal["paper", "call"] = "paper"
    licence: str = "MIT"
    truth_loss: Literal["l1", "charbonnier"] = "l1"
    """The distance to the sharp photograph, the teacher's and the student's."""
    damage_floor_levels: float | None = Field(default=None, gt=0)
    """If given, a patch's error counts relative to its damage plus so many grey levels."""
    data: DataConfig = DataConfig()
    teacher: Stage
    student: Stage
    distillation: DistillationConfig = DistillationConfig()

    @model_validator(mode="after")
    def _patches_have_no_kept_answers(self) -> Self:
        if self.data.degrade == "patch" and self.distillation.ask == "once":
            raise ValueError(
                'patches that are blurred afresh have no answers to keep: degrade = "patch" needs '
                'ask = "always"'
            )
        return self

    @model_validator(mode="after")
    def _versions_differ(self) -> Self:
        if self.data.versions > 1 and not PROFILES[self.profile].is_random:
            raise ValueError(
                f"{self.data.versions} versions of the profile {self.profile!r} would be one and "
                "the same: give versions = 1, or a profile whose degradation is random"
            )
        return self


class RunSettings(_Model):
    """All that a run's result depends on, as it is written into the run folder and the weights."""

    network: NetworkSpec
    schedule: Schedule
    seed: int
    profile: str
    licence: str
    truth_loss: str = "l1"
    damage_floor_levels: float | None = None
    data: DataConfig
    distillation: DistillationConfig | None
    teacher: str | None
    """SHA-256 of the teacher's weights file."""
    started_from: dict[str, JsonValue] | None
    """SHA-256 and training of the weights file whose numbers were taken up."""
    data_hash: str

    def is_same_run(self, other: "RunSettings") -> bool:
        """Whether both lead to one run; its budget and its bookkeeping may differ."""
        return self._without_budget() == other._without_budget()

    def _without_budget(self) -> dict[str, JsonValue]:
        return self.model_dump(mode="json", exclude={"schedule": _CHANGEABLE})


_CHANGEABLE = {
    "steps",
    "minutes",
    "epochs",
    "validate_every_steps",
    "log_every_steps",
    "checkpoint_every_s",
}


def override_budget(
    stage: Stage, *, steps: int | None = None, minutes: float | None = None
) -> Stage:
    """Return the stage with another budget; with neither, the stage as it is.

    Raises `TrainingError` for a budget that is not above zero.
    """
    if steps is None and minutes is None:
        return stage
    budget = {"steps": steps, "minutes": minutes, "epochs": None}
    changed = {**stage.schedule.model_dump(), **budget}
    try:
        return stage.model_copy(update={"schedule": Schedule.model_validate(changed)})
    except ValidationError as error:
        raise TrainingError(f"the budget cannot be used: {error}") from error


def list_presets() -> list[str]:
    """Return the names that `load_config` knows besides file paths."""
    folder = resources.files("trainer") / "presets"
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    )


def load_config(preset: str) -> Config:
    """Return the preset of that name, or the one in the TOML file of that path.

    Raises `TrainingError` for a file that is not there, is not TOML, or has an unknown or
    unsuitable entry.
    """
    try:
        return Config.model_validate(tomllib.loads(_read(preset)))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise TrainingError(f"the preset {preset!r} cannot be used: {error}") from error


def _read(preset: str) -> str:
    if preset in list_presets():
        return (resources.files("trainer") / "presets" / f"{preset}.toml").read_text("utf-8")
    try:
        return Path(preset).read_text("utf-8")
    except OSError as error:
        raise TrainingError(
            f"no preset {preset!r}; expected one of {', '.join(list_presets())} or a TOML file"
        ) from error
