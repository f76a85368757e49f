"""What is learned: each task turns a network and a batch into a dictionary of losses.

`loss` is the one to descend; the others are its parts, for the log. The training loop does not
know which task it runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainer.layers import Recorder

Planes = Mapping[str, Tensor]
"""Float RGB `(N, 3, H, W)` in [0, 1] by name."""

Losses = dict[str, Tensor]
Distance = Callable[[Tensor, Tensor], Tensor]
"""Of two batches of pictures, one number for each pair: `(N,)`."""

_ROUNDING = 6 / 255
"""Errors well below six grey levels weigh as their squares, those well above as they are."""


def measure_l1(given: Tensor, wanted: Tensor) -> Tensor:
    """Return each picture's mean absolute error."""
    return _average((given - wanted).abs())


def measure_mse(given: Tensor, wanted: Tensor) -> Tensor:
    """Return each picture's mean squared error."""
    return _average((given - wanted) ** 2)


def measure_charbonnier(given: Tensor, wanted: Tensor) -> Tensor:
    """Return each picture's Charbonnier distance, `sqrt(d^2 + e^2) - e`: L1 without its edge.

    From LapSRN (https://arxiv.org/abs/1704.03915), which takes an `e` of 0.001. Ours is 24 times
    as large. Where many targets are the input itself, L1 pulls a fresh network to the answer
    "no change" and holds it there: at zero its gradient jumps, however little there is to gain.
    """
    return _average(torch.sqrt((given - wanted) ** 2 + _ROUNDING**2) - _ROUNDING)


def _average(errors: Tensor) -> Tensor:
    return errors.flatten(1).mean(dim=1)


DISTANCES: Mapping[str, Distance] = MappingProxyType(
    {"l1": measure_l1, "mse": measure_mse, "charbonnier": measure_charbonnier}
)
"""By the name that a preset gives."""

_USUAL_DAMAGE = 6 / 255

Weigh = Callable[[Planes], Tensor]
"""How much each picture of a batch counts: `(N,)`, or `(1,)` for all alike."""


def weigh_equally(planes: Planes) -> Tensor:
    """Let every picture's error count as it is."""
    return torch.ones(1, device=planes["sharp"].device)


@dataclass(frozen=True)
class WeighByDamage:
    """Let errors count relative to the damage that the picture came with, plus a floor.

    PSNR is a logarithm: a decibel is a fraction of a grey level on a lightly compressed picture
    and several on a badly blurred one. Where damages differ, only the latter would be learned; with
    too low a floor nothing but to leave pictures alone. Damage is the mean absolute error; one
    of six grey levels leaves the weight at 1.
    """

    floor_levels: float

    def __call__(self, planes: Planes) -> Tensor:
        floor = self.floor_levels / 255
        damage = measure_l1(planes["blurred"], planes["sharp"])
        return (_USUAL_DAMAGE + floor) / (damage + floor)


class Task(Protocol):
    """One way of learning."""

    def losses(self, network: nn.Module, planes: Planes, progress: float) -> Losses:
        """Return the losses of one batch, in float32; `progress` goes from 0 to 1."""


@dataclass(frozen=True)
class Restoration:
    """Learn from the sharp photograph alone."""

    distance: Distance = measure_l1
    weigh: Weigh = weigh_equally

    def losses(self, network: nn.Module, planes: Planes, progress: float) -> Losses:
        sharpened = network(planes["blurred"]).float()
        errors = self.distance(sharpened, planes["sharp"])
        return {"loss": (self.weigh(planes) * errors).mean()}


@dataclass(frozen=True)
class Distillation:
    """Learn from the sharp photograph and from what the teacher made of the blurred one.

    Knowledge distillation (https://arxiv.org/abs/1503.02531) for regression. The paper takes MSE
    towards the teacher (`distance`); ours is L1 on both, because at errors of 0.02 the gradient
    of an MSE is so much the weaker that the teacher would hardly be heard. With `fade` the
    teacher, whose answers are smoother and easier to follow, is heard early and the truth late.

    The teacher's answer is the plane `taught`, or `teacher` is asked about every batch.
    """

    truth_weight: float
    teacher_weight: float
    distance: Distance = measure_l1
    fade: bool = False
    teacher: nn.Module | None = None
    truth_distance: Distance = measure_l1
    weigh: Weigh = weigh_equally

    def losses(self, network: nn.Module, planes: Planes, progress: float) -> Losses:
        sharpened = network(planes["blurred"]).float()
        weights = self.weigh(planes)
        truth = (weights * self.truth_distance(sharpened, planes["sharp"])).mean()
        teacher = (weights * self.distance(sharpened, self._taught(planes))).mean()
        faded = self.teacher_weight * progress if self.fade else 0.0
        loss = (self.truth_weight + faded) * truth + (self.teacher_weight - faded) * teacher
        return {"loss": loss, "truth": truth, "teacher": teacher}

    def _taught(self, planes: Planes) -> Tensor:
        if self.teacher is None:
            return planes["taught"]
        with torch.no_grad():
            taught: Tensor = self.teacher(planes["blurred"]).float()
        return taught


@dataclass(frozen=True)
class Imitation:
    """Another task, and beside it: let inner layers look at a picture as the teacher's do.

    For each pair of layers the loss is the mean absolute difference of their spatial affinities
    (`measure_affinity`). Its weight falls linearly to nothing when the share `until` of the
    budget is spent.
    """

    task: Task
    teacher: nn.Module
    layers: tuple[tuple[str, str], ...]
    weight: float
    until: float = 1.0

    def losses(self, network: nn.Module, planes: Planes, progress: float) -> Losses:
        weight = self.weight * max(0.0, 1 - progress / self.until)
        if weight == 0:
            return self.task.losses(network, planes, progress)
        with Recorder(network, [ours for ours, _ in self.layers]) as seen:
            losses = self.task.losses(network, planes, progress)
        with (
            Recorder(self.teacher, [theirs for _, theirs in self.layers]) as taught,
            torch.no_grad(),
        ):
            self.teacher(planes["blurred"])
        distances = [
            F.l1_loss(measure_affinity(seen[ours]), measure_affinity(taught[theirs]))
            for ours, theirs in self.layers
        ]
        imitation = torch.stack(distances).mean()
        return {**losses, "loss": losses["loss"] + weight * imitation, "imitation": imitation}


_AFFINITY_SIDE = 12


def measure_affinity(features: Tensor) -> Tensor:
    """Return how alike the features at every two places are, `(N, P, P)` in [-1, 1].

    The spatial affinity of FAKD (https://ieeexplore.ieee.org/document/9190921): cosine similarity
    over channels, so networks of any width can be compared. Ours first averages the features
    over a grid of about 12x12 places: the full matrix of a 96x96 patch has five million entries.
    """
    height, width = features.shape[-2:]
    grid = max(1, height // _AFFINITY_SIDE), max(1, width // _AFFINITY_SIDE)
    with torch.autocast(features.device.type, enabled=False):
        # not the adaptive pooling, whose gradient on CUDA differs from run to run
        places = F.avg_pool2d(features.float(), grid).flatten(2)
        directions = F.normalize(places, dim=1)
        return directions.transpose(1, 2) @ directions
