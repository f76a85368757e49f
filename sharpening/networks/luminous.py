"""The two reference networks of the paper, for side-by-side rows under their own names.

Their layer lists are those of the published code; ours differ in every respect (see `student`
and `teacher`): these work at full size and therefore see few pixels for many multiplications.
"""

from itertools import pairwise

from torch import Tensor, nn

from sharpening.architectures import NetworkConfig
from sharpening.networks.base import Network


class _PlainConvolutions(Network):
    """Convolutions with ReLU between them, at full size, plus the input."""

    kernel_sizes_px: tuple[int, ...]
    channels: tuple[int, ...]

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__(config)
        layers: list[nn.Module] = []
        for kernel, (narrow, wide) in zip(
            self.kernel_sizes_px, pairwise(self.channels), strict=True
        ):
            layers += [nn.Conv2d(narrow, wide, kernel, padding=kernel // 2), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    @property
    def receptive_field_px(self) -> int:
        return sum(kernel // 2 for kernel in self.kernel_sizes_px)

    def forward(self, blurred: Tensor) -> Tensor:
        residual: Tensor = self.layers(blurred)
        return blurred + residual


class LuminousStudent(_PlainConvolutions):
    """13,571 parameters: 3x3 3-128, 1x1 128-64, 3x3 64-3."""

    architecture = "luminous-student"
    kernel_sizes_px = (3, 1, 3)
    channels = (3, 128, 64, 3)


class LuminousTeacher(_PlainConvolutions):
    """2,561,187 parameters: 5x5 3-384, then 3x3 384-384-192-192-96-48-3."""

    architecture = "luminous-teacher"
    kernel_sizes_px = (5, 3, 3, 3, 3, 3, 3)
    channels = (3, 384, 384, 192, 192, 96, 48, 3)
