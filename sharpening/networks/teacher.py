"""The teacher: more than 2.5 million parameters, trained once and asked often.

A U-shaped body (U-Net, https://arxiv.org/abs/1505.04597) of residual blocks without normalisation
(EDSR, https://arxiv.org/abs/1707.02921) whose top works at half size, where the information is.
Ours differs in that most parameters sit at eighth size: that makes it several times cheaper to
train and to ask than a flat network of as many, which decides on a machine without a GPU.
"""

from typing import Annotated

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from sharpening.networks.base import Network, NetworkConfig, initialise

_FOLD = 2
_FOLDED_CHANNELS = 3 * _FOLD**2

_Positive = Annotated[int, Field(ge=1)]


class TeacherConfig(NetworkConfig):
    """Channels at half, quarter and eighth size and residual blocks on the way down and up."""

    channels: tuple[_Positive, _Positive, _Positive] = (48, 80, 128)
    blocks_down: tuple[_Positive, _Positive] = (3, 2)
    blocks_middle: _Positive = 7
    blocks_up: tuple[_Positive, _Positive] = (5, 3)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions added to what entered; starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        initialise(self.first)
        initialise(self.second, weight_std=0)

    def forward(self, features: Tensor) -> Tensor:
        correction: Tensor = self.second(F.leaky_relu(self.first(features), 0.1))
        return features + correction


class Teacher(Network):
    """Residual U-net on the half-size grid, plus the input."""

    architecture = "teacher"
    config_type = TeacherConfig
    multiple_of = 8
    config: TeacherConfig

    def __init__(self, config: TeacherConfig | None = None) -> None:
        super().__init__(config)
        half, quarter, eighth = self.config.channels
        down, up = self.config.blocks_down, self.config.blocks_up
        self.head = nn.Conv2d(_FOLDED_CHANNELS, half, 3, padding=1)
        self.half_down = _stack(half, down[0])
        self.to_quarter = nn.Conv2d(half, quarter, 2, stride=2)
        self.quarter_down = _stack(quarter, down[1])
        self.to_eighth = nn.Conv2d(quarter, eighth, 2, stride=2)
        self.middle = _stack(eighth, self.config.blocks_middle)
        self.from_eighth = nn.Conv2d(eighth, quarter * 4, 1)
        self.quarter_up = _stack(quarter, up[1])
        self.from_quarter = nn.Conv2d(quarter, half * 4, 1)
        self.half_up = _stack(half, up[0])
        self.tail = nn.Conv2d(half, _FOLDED_CHANNELS, 3, padding=1)
        initialise(self.tail, weight_std=1e-2)

    @property
    def receptive_field_px(self) -> int:
        down, up = self.config.blocks_down, self.config.blocks_up
        at_half = 2 + 2 * (down[0] + up[0])
        at_quarter = 2 * (down[1] + up[1])
        at_eighth = 2 * self.config.blocks_middle
        return 2 * at_half + 4 * at_quarter + 8 * at_eighth + self.multiple_of - 1

    def forward(self, blurred: Tensor) -> Tensor:
        half = self.half_down(self.head(F.pixel_unshuffle(blurred, _FOLD)))
        quarter = self.quarter_down(self.to_quarter(half))
        eighth = self.middle(self.to_eighth(quarter))
        quarter = self.quarter_up(quarter + F.pixel_shuffle(self.from_eighth(eighth), 2))
        half = self.half_up(half + F.pixel_shuffle(self.from_quarter(quarter), 2))
        correction: Tensor = self.tail(half)
        return blurred + F.pixel_shuffle(correction, _FOLD)


def _stack(channels: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
