"""What is learned: each task turns a network and a batch into a dictionary of losses.

`loss` is the one to descend; the others are its parts, for the log. The training loop does not
know which task it runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch.nn.functional as F
from torch import Tensor

from sharpening.networks import Network

Planes = Mapping[str, Tensor]
"""Float RGB `(N, 3, H, W)` in [0, 1] by name."""


class Task(Protocol):
    """One way of learning."""

    def losses(self, network: Network, planes: Planes) -> dict[str, Tensor]:
        """Return the losses of one batch, in float32."""


@dataclass(frozen=True)
class Restoration:
    """Learn from the sharp photograph alone, by L1."""

    def losses(self, network: Network, planes: Planes) -> dict[str, Tensor]:
        sharpened = network(planes["blurred"]).float()
        return {"loss": F.l1_loss(sharpened, planes["sharp"])}


@dataclass(frozen=True)
class Distillation:
    """Learn from the sharp photograph and from what the teacher made of the blurred one.

    Knowledge distillation (https://arxiv.org/abs/1503.02531) for regression. The paper takes MSE
    towards the teacher; ours is L1 on both, because at errors of 0.02 the gradient of an MSE is
    so much the weaker that the teacher would hardly be heard.
    """

    truth_weight: float
    teacher_weight: float

    def losses(self, network: Network, planes: Planes) -> dict[str, Tensor]:
        sharpened = network(planes["blurred"]).float()
        truth = F.l1_loss(sharpened, planes["sharp"])
        teacher = F.l1_loss(sharpened, planes["taught"])
        loss = self.truth_weight * truth + self.teacher_weight * teacher
        return {"loss": loss, "truth": truth, "teacher": teacher}
