"""What every network declares, so that tiling and weights files need not know which it is."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from sharpening.architectures import NetworkConfig


class Network(nn.Module, ABC):
    """A picture-to-picture network.

    `forward` takes and returns float RGB `(N, 3, H, W)` in [0, 1]; height and width must be
    multiples of `multiple_of`. The output may leave [0, 1]: whoever stores it clamps.
    At the picture's border each convolution sees zeros, as it did in training.
    """

    architecture: ClassVar[str]
    config_type: ClassVar[type[NetworkConfig]] = NetworkConfig
    multiple_of: ClassVar[int] = 1

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__()
        self.config = self.config_type() if config is None else config

    @property
    @abstractmethod
    def receptive_field_px(self) -> int:
        """Farthest distance, in px along one axis, at which an input px can change an output px."""

    @abstractmethod
    def forward(self, blurred: Tensor) -> Tensor:
        """Return the sharpened pictures."""


def initialise(layer: nn.Conv2d, *, gain: float = 1.0, weight_std: float | None = None) -> None:
    """Draw a convolution's weights for LeakyReLU(0.1), or with a standard deviation; no bias.

    `gain` is what part of the scale that comes in should go out.
    """
    if weight_std is None:
        nn.init.kaiming_normal_(layer.weight, a=0.1)
        with torch.no_grad():
            layer.weight.mul_(gain)
    else:
        nn.init.normal_(layer.weight, std=weight_std)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def move_network(network: Network, device: torch.device) -> Network:
    """Put the network on the device, its memory channels-last: about twice as fast on a CPU."""
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def count_parameters(network: nn.Module) -> int:
    """Return how many numbers the network learns."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_macs_per_px(network: Network) -> float:
    """Return how many multiply-adds the network does for each px of a picture.

    Those with the zeros that a convolution sees beyond the border are counted; activations, sums
    and conversions are not.
    """
    side_px = network.multiple_of
    picture = torch.zeros(1, 3, side_px, side_px, device=next(network.parameters()).device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(picture)
    flops: int = counter.get_total_flops()  # a multiply-add counts as two there
    return flops / 2 / side_px**2
