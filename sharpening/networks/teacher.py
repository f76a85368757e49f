"""The teacher: more than 2.5 million parameters, trained once and asked often.

A U-shaped body (U-Net, https://arxiv.org/abs/1505.04597) of residual blocks without normalisation
(EDSR, https://arxiv.org/abs/1707.02921) whose top works at half size, where the information is.
Ours differs in that most parameters sit at eighth size: that makes it several times cheaper to
train and to ask than a flat network of as many, which decides on a machine without a GPU.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from sharpening.architectures import TeacherConfig
from sharpening.networks.base import Network, initialise

_FOLD = TeacherConfig.fold
_FOLDED_CHANNELS = 3 * _FOLD**2


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
    multiple_of = TeacherConfig.multiple_of
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
        return self.config.receptive_field_px

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
