"""The student of mirrored pairs: each kernel does its own work and that of its mirror image.

What sharpens an edge from the left sharpens one from the right: a picture and its mirror image want
mirrored answers. Ours builds that in, as a group-equivariant network (Cohen & Welling 2016,
https://arxiv.org/abs/1602.07576) of the smallest group there is: features come in pairs, and the
second of a pair is what the first would be in the mirror. So half the kernels follow from the other
half, and the parameters of a network reach for one of twice the depth. Otherwise it is `student`,
with skips around its convolutions.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharpening.architectures import MirrorStudentConfig
from sharpening.networks.base import initialise
from sharpening.networks.skip import SkipStudent

_FOLD = MirrorStudentConfig.fold
_FOLDED_CHANNELS = 3 * _FOLD**2
_BODY_STD = 0.04
"""A third of what keeps a plain convolution's scale: the skips add up."""


class MirrorConv2d(nn.Conv2d):
    """A 3x3 convolution that turns mirrored pictures into mirrored pictures.

    Channels come in pairs: mirroring turns a picture's columns round and swaps the two of each
    pair, as it does with the columns of folded 2x2 px. Only every other output's kernel is stored.
    """

    def __init__(self, inputs: int, outputs: int, *, dilation: int = 1) -> None:
        super().__init__(inputs, outputs // 2, 3, padding=dilation, dilation=dilation)

    def forward(self, features: Tensor) -> Tensor:
        assert self.bias is not None
        bias = self.bias.repeat_interleave(2)
        return F.conv2d(features, self.expand(), bias, padding=self.padding, dilation=self.dilation)

    def expand(self) -> Tensor:
        """Return the kernels of all outputs, `(outputs, inputs, 3, 3)`: each, then its mirror's."""
        halves, inputs = self.weight.shape[:2]
        pairs = self.weight.reshape(halves, inputs // 2, 2, 3, 3)
        mirrored = pairs.flip(2, 4).reshape(self.weight.shape)
        return torch.stack((self.weight, mirrored), dim=1).flatten(0, 1)


class MirrorStudent(SkipStudent):
    """Mirrored 3x3 convolutions with LeakyReLU(0.1) at half size, plus the input."""

    architecture = "mirror-student"
    config_type = MirrorStudentConfig
    multiple_of = _FOLD
    config: MirrorStudentConfig

    def __init__(self, config: MirrorStudentConfig | None = None) -> None:
        super().__init__(config)
        channels = self.config.channels
        self.head = MirrorConv2d(_FOLDED_CHANNELS, channels)
        self.body = nn.ModuleList(
            MirrorConv2d(channels, channels, dilation=dilation)
            for dilation in self.config.dilations
        )
        self.tail = MirrorConv2d(channels, _FOLDED_CHANNELS)
        initialise(self.head)
        for layer in self.body:
            assert isinstance(layer, MirrorConv2d)
            initialise(layer, weight_std=_BODY_STD)
        initialise(self.tail, weight_std=1e-2)
