"""What the students with skips have in common: all but the kind of their convolutions."""

import torch.nn.functional as F
from torch import Tensor, nn

from sharpening.architectures import DihedralStudentConfig, MirrorStudentConfig
from sharpening.networks.base import Network


class SkipStudent(Network):
    """A head, a body with skips around each of its layers, and a tail, on folded pixels.

    LeakyReLU(0.1) between them, and the input is added in the end.
    """

    config: MirrorStudentConfig | DihedralStudentConfig
    head: nn.Conv2d
    body: nn.ModuleList
    tail: nn.Conv2d

    @property
    def receptive_field_px(self) -> int:
        return self.config.receptive_field_px

    def forward(self, blurred: Tensor) -> Tensor:
        fold = self.config.fold
        features = F.leaky_relu(self.head(F.pixel_unshuffle(blurred, fold)), 0.1)
        for layer in self.body:
            features = features + F.leaky_relu(layer(features), 0.1)
        correction: Tensor = self.tail(features)
        return blurred + F.pixel_shuffle(correction, fold)
