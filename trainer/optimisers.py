"""The optimisers: AdamW for everything, or Muon for the convolutions' weights beside it.

Muon (https://kellerjordan.github.io/posts/muon/) is PyTorch's own; it takes matrices only, so a
convolution's weight is handed to it as one: a row an output channel, in the same memory.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from trainer.config import Schedule

RELATIVE_RATE = "relative_rate"
"""Key of a parameter group: its learning rate over the schedule's."""


class ConvolutionMuon(torch.optim.Muon):
    """Muon on convolution weights `(out, in, height, width)`, whose memory is channels-last."""

    def __init__(self, weights: Sequence[Tensor], **options: Any) -> None:
        self._weights = list(weights)
        super().__init__([nn.Parameter(_flatten(weight)) for weight in weights], **options)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step down the gradients of the weights."""
        for group in self.param_groups:
            for matrix, weight in zip(group["params"], self._weights, strict=True):
                matrix.grad = None if weight.grad is None else _flatten(weight.grad)
        super().step()  # type: ignore[no-untyped-call]


def create_optimisers(network: nn.Module, schedule: Schedule) -> list[torch.optim.Optimizer]:
    """Return what trains the network, whose memory must be channels-last already."""
    parameters = list(network.parameters())
    matrices = [each for each in parameters if _is_matrix(each)] if _wants_muon(schedule) else []
    taken = {id(each) for each in matrices}
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(
            [each for each in parameters if id(each) not in taken],
            lr=schedule.learning_rate,
            betas=(0.9, schedule.second_moment_decay),
            weight_decay=schedule.weight_decay,
        )
    ]
    if matrices:
        optimisers.append(
            ConvolutionMuon(
                matrices,
                lr=schedule.matrix_learning_rate,
                weight_decay=schedule.weight_decay,
            )
        )
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group[RELATIVE_RATE] = group["lr"] / schedule.learning_rate
    return optimisers


def _wants_muon(schedule: Schedule) -> bool:
    return schedule.optimiser == "muon"


def _is_matrix(weight: Tensor) -> bool:
    """Whether it mixes channels: a depthwise kernel, a bias or a scale does not."""
    return weight.ndim == 4 and weight.shape[0] > 1 and weight.shape[1] > 1


def _flatten(weight: Tensor) -> Tensor:
    """Return `(out, height * width * in)`, a view where the memory is channels-last."""
    return weight.detach().permute(0, 2, 3, 1).flatten(1)
