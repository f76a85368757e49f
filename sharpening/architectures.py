"""What each of our networks is built from, as data: read by PyTorch and by runtimes without it.

Never holds a network or a tensor.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sharpening.errors import WeightsError

_Positive = Annotated[int, Field(ge=1)]


class NetworkConfig(BaseModel):
    """The numbers that a network is built from; they travel in its weights file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StudentConfig(NetworkConfig):
    """Width, and each body convolution's dilation; the default has 12,764 parameters."""

    fold: ClassVar[int] = 2
    multiple_of: ClassVar[int] = 2
    channels: int = Field(default=16, ge=1)
    dilations: tuple[_Positive, ...] = (1, 2, 2, 1)

    @property
    def receptive_field_px(self) -> int:
        return _reach_px(self.fold, self.dilations)


class MirrorStudentConfig(NetworkConfig):
    """Width, and each body convolution's dilation; the default has 12,182 parameters."""

    fold: ClassVar[int] = 2
    multiple_of: ClassVar[int] = 2
    channels: int = Field(default=16, ge=2, multiple_of=2)
    dilations: tuple[_Positive, ...] = (1, 2, 1, 2, 1, 2, 1, 2, 1)

    @property
    def receptive_field_px(self) -> int:
        return _reach_px(self.fold, self.dilations)


class DihedralStudentConfig(NetworkConfig):
    """Fields of eight channels, and each body convolution's dilation; 12,717 parameters."""

    fold: ClassVar[int] = 4
    multiple_of: ClassVar[int] = 4
    fields: int = Field(default=4, ge=1)
    dilations: tuple[_Positive, ...] = (1, 1, 1, 1, 1, 1, 1, 1)

    @property
    def receptive_field_px(self) -> int:
        return _reach_px(self.fold, self.dilations)


class TeacherConfig(NetworkConfig):
    """Channels at half, quarter and eighth size and residual blocks on the way down and up."""

    fold: ClassVar[int] = 2
    multiple_of: ClassVar[int] = 8
    channels: tuple[_Positive, _Positive, _Positive] = (48, 80, 128)
    blocks_down: tuple[_Positive, _Positive] = (3, 2)
    blocks_middle: _Positive = 7
    blocks_up: tuple[_Positive, _Positive] = (5, 3)

    @property
    def receptive_field_px(self) -> int:
        at_half = 2 + 2 * (self.blocks_down[0] + self.blocks_up[0])
        at_quarter = 2 * (self.blocks_down[1] + self.blocks_up[1])
        at_eighth = 2 * self.blocks_middle
        return 2 * at_half + 4 * at_quarter + 8 * at_eighth + self.multiple_of - 1


Config = TypeVar("Config", bound=NetworkConfig)


def read_config(kind: type[Config], architecture: str, config: Mapping[str, Any]) -> Config:
    """Return the configuration in a weights file; raises `WeightsError` if it does not fit."""
    try:
        return kind.model_validate(dict(config))
    except ValidationError as error:
        raise WeightsError(
            f"architecture {architecture!r} does not take the configuration {config}: {error}"
        ) from error


def _reach_px(fold: int, dilations: tuple[int, ...]) -> int:
    """Of 3x3 convolutions on folded pixels: a head, the body and a tail."""
    return fold * (2 + sum(dilations)) + fold - 1
