"""The student that knows no up, down, left or right: each kernel is laid all eight ways.

Blur and compression do to a turned or mirrored picture what they do to the picture, so its answer
should be turned or mirrored too. Ours builds that in, as a group-equivariant network (Cohen &
Welling 2016, https://arxiv.org/abs/1602.07576) of the square's eight symmetries: features come in
fields of eight, one for each way to lay the picture, and one stored kernel stands for eight. So a
network of 13,000 parameters can be eight times as large as a plain one; ours spends that on working
at quarter size, where 32 channels take half the time of 16 at half size for as many operations.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharpening.architectures import DihedralStudentConfig
from sharpening.networks.base import initialise
from sharpening.networks.skip import SkipStudent
from sharpening.symmetry import (
    WAYS,
    place_field_kernel,
    place_folded_biases,
    place_folded_kernel,
)

_FOLD = DihedralStudentConfig.fold
_FOLDED_CHANNELS = 3 * _FOLD**2
_BODY_GAIN = 1 / 3
"""Of what keeps a plain convolution's scale: the skips add up."""


class DihedralConv2d(nn.Conv2d):
    """A 3x3 convolution to fields: one kernel a field is stored, `(fields, inputs, 3, 3)`."""

    places: Tensor

    def __init__(self, inputs: int, fields: int, places: Tensor, *, dilation: int = 1) -> None:
        """`places` are those of the stored kernel's numbers in each of the eight, `(8, N)`."""
        super().__init__(inputs, fields, 3, padding=dilation, dilation=dilation)
        self.register_buffer("places", places, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        kernels, biases = self.expand()
        return F.conv2d(features, kernels, biases, padding=self.padding, dilation=self.dilation)

    def expand(self) -> tuple[Tensor, Tensor]:
        """Return the kernels `(fields * 8, inputs, 3, 3)` and biases of all channels."""
        assert self.bias is not None
        return lay_kernels(self.weight, self.places), self.bias.repeat_interleave(WAYS)


class DihedralUnfoldingConv2d(nn.Conv2d):
    """A 3x3 convolution from fields to folded pixels; stored is each field's kernel to them."""

    places: Tensor
    bias_places: Tensor

    def __init__(self, fields: int, fold: int) -> None:
        super().__init__(fields, 3 * fold**2, 3, padding=1)
        bias_places = torch.from_numpy(place_folded_biases(fold))
        self.bias = nn.Parameter(torch.zeros(int(bias_places.max()) + 1))
        self.register_buffer(
            "places", torch.from_numpy(place_folded_kernel(fold)), persistent=False
        )
        self.register_buffer("bias_places", bias_places, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        kernels, biases = self.expand()
        return F.conv2d(features, kernels, biases, padding=self.padding)

    def expand(self) -> tuple[Tensor, Tensor]:
        """Return the kernels `(3 * fold^2, fields * 8, 3, 3)` and biases of all channels."""
        assert self.bias is not None
        kernels = lay_kernels(self.weight.transpose(0, 1), self.places).transpose(0, 1)
        return kernels, self.bias[self.bias_places]


def lay_kernels(stored: Tensor, places: Tensor) -> Tensor:
    """Return kernels `(fields * 8, inputs, 3, 3)`: each of `(fields, inputs, 3, 3)` eight ways."""
    return stored.flatten(1)[:, places].reshape(-1, *stored.shape[1:])


class DihedralStudent(SkipStudent):
    """Dihedral 3x3 convolutions with LeakyReLU(0.1) and skips at quarter size, plus the input."""

    architecture = "dihedral-student"
    config_type = DihedralStudentConfig
    multiple_of = _FOLD
    config: DihedralStudentConfig

    def __init__(self, config: DihedralStudentConfig | None = None) -> None:
        super().__init__(config)
        fields = self.config.fields
        of_pixels = torch.from_numpy(place_folded_kernel(_FOLD))
        of_fields = torch.from_numpy(place_field_kernel(fields))
        self.head = DihedralConv2d(_FOLDED_CHANNELS, fields, of_pixels)
        self.body = nn.ModuleList(
            DihedralConv2d(WAYS * fields, fields, of_fields, dilation=dilation)
            for dilation in self.config.dilations
        )
        self.tail = DihedralUnfoldingConv2d(fields, _FOLD)
        initialise(self.head)
        for layer in self.body:
            assert isinstance(layer, DihedralConv2d)
            initialise(layer, gain=_BODY_GAIN)
        initialise(self.tail, weight_std=5e-3)
