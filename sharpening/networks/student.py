"""The student: the network that people run, at most 13,000 parameters.

The degradation keeps all its information on the half-size grid, so the student folds 2x2 px into
channels (space-to-depth, as in ESPCN, https://arxiv.org/abs/1609.05158, run backwards), works
there, and unfolds. Unlike ESPCN it predicts a correction to its own input, of the same size.
The inner convolutions are dilated (https://arxiv.org/abs/1511.07122): to undo blur one has to look
far, and that costs neither a parameter nor a multiplication.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from sharpening.architectures import StudentConfig
from sharpening.networks.base import Network, initialise

_FOLD = StudentConfig.fold
_FOLDED_CHANNELS = 3 * _FOLD**2


class Student(Network):
    """3x3 convolutions with LeakyReLU(0.1) at half size, plus the input."""

    architecture = "student"
    config_type = StudentConfig
    multiple_of = _FOLD
    config: StudentConfig

    def __init__(self, config: StudentConfig | None = None) -> None:
        super().__init__(config)
        channels = self.config.channels
        self.head = nn.Conv2d(_FOLDED_CHANNELS, channels, 3, padding=1)
        self.body = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
            for dilation in self.config.dilations
        )
        self.tail = nn.Conv2d(channels, _FOLDED_CHANNELS, 3, padding=1)
        initialise(self.head)
        for layer in self.body:
            assert isinstance(layer, nn.Conv2d)
            initialise(layer)
        initialise(self.tail, weight_std=1e-2)

    @property
    def receptive_field_px(self) -> int:
        return self.config.receptive_field_px

    def forward(self, blurred: Tensor) -> Tensor:
        features = F.leaky_relu(self.head(F.pixel_unshuffle(blurred, _FOLD)), 0.1)
        for layer in self.body:
            features = F.leaky_relu(layer(features), 0.1)
        correction: Tensor = self.tail(features)
        return blurred + F.pixel_shuffle(correction, _FOLD)
