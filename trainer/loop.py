"""The training loop: draw, learn, average, now and then validate, and write it all down.

It does not know what is distilled: a task returns the losses.
"""

import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sharpening.errors import TrainingError
from sharpening.networks import Network, move_network
from trainer.config import Schedule
from trainer.patches import Sampler
from trainer.runs import Journal, RunFolder
from trainer.tasks import Task

Validate = Callable[[Network], Mapping[str, float]]


class Stopped(Exception):  # noqa: N818 - no error: the run was told to stop, and did
    """The run was asked to stop, has written a checkpoint and can be taken up again."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(
            f"stopped by {signal.Signals(signal_number).name}; the same command goes on"
        )
        self.signal_number = signal_number


@dataclass
class Learner:
    """Everything that changes while a network is trained."""

    network: Network
    average: AveragedModel
    optimiser: torch.optim.Optimizer
    step: int = 0
    elapsed_s: float = 0.0

    @property
    def averaged(self) -> Network:
        """The exponential moving average, which is what is validated and exported."""
        network = self.average.module
        assert isinstance(network, Network)
        return network

    def state(self) -> dict[str, Any]:
        """Return all of it, to be written down."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "elapsed_s": self.elapsed_s,
            "torch_random": torch.get_rng_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` returned."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]
        torch.set_rng_state(state["torch_random"])


@dataclass(frozen=True)
class Job:
    """What a learner is put to: all that stays the same while it is trained."""

    task: Task
    sampler: Sampler
    schedule: Schedule
    run: RunFolder
    validate: Validate
    low_precision: bool = False
    clock: Callable[[], float] = time.monotonic


def create_learner(network: Network, schedule: Schedule, device: torch.device) -> Learner:
    """Return a learner at step 0, on the device."""
    move_network(network, device)
    averaging = get_ema_multi_avg_fn(schedule.ema_decay)  # type: ignore[no-untyped-call]
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=schedule.learning_rate,
        betas=(0.9, schedule.second_moment_decay),
        weight_decay=schedule.weight_decay,
    )
    return Learner(network, AveragedModel(network, multi_avg_fn=averaging), optimiser)


def train(learner: Learner, job: Job) -> dict[str, float]:
    """Train until the budget is spent, leaving a checkpoint at the end and every so often before.

    Returns the last validation. Raises `Stopped` after SIGINT or SIGTERM, once a checkpoint is
    written, and `TrainingError` if the gradient stops being a number.
    """
    schedule, run = job.schedule, job.run
    begun_at_s = job.clock() - learner.elapsed_s
    saved_at_s = learner.elapsed_s
    journal = Journal(run, schedule, step=learner.step, elapsed_s=learner.elapsed_s)
    with _listen_for_signals() as signals, journal:
        while (progress := measure_progress(schedule, learner.step, learner.elapsed_s)) < 1:
            if learner.step and learner.step % schedule.validate_every_steps == 0:
                journal.record_validation(learner.step, job.validate(learner.averaged))
            rate = learning_rate_at(schedule, learner.step, progress)
            losses = _learn(learner, job, rate)
            learner.elapsed_s = job.clock() - begun_at_s
            journal.record(learner.step, learner.elapsed_s, rate, losses)
            if signals or learner.elapsed_s - saved_at_s >= schedule.checkpoint_every_s:
                run.save_checkpoint(learner.state())
                saved_at_s = learner.elapsed_s
            if signals:
                raise Stopped(signals[0])
        run.save_checkpoint(learner.state())
        figures = dict(job.validate(learner.averaged))
        journal.record_validation(learner.step, figures)
        if signals:
            raise Stopped(signals[0])
    return figures


def measure_progress(schedule: Schedule, step: int, elapsed_s: float) -> float:
    """Return how much of the budget is spent, from 0 to 1."""
    if schedule.steps is not None:
        return min(1.0, step / schedule.steps)
    assert schedule.minutes is not None
    return min(1.0, elapsed_s / 60 / schedule.minutes)


def learning_rate_at(schedule: Schedule, step: int, progress: float) -> float:
    """Return the learning rate: a linear rise, times a cosine over the whole budget."""
    rise = min(1.0, (step + 1) / (schedule.warmup_steps + 1))
    fall = 0.5 * (1 + math.cos(math.pi * progress))
    span = schedule.learning_rate - schedule.final_learning_rate
    return rise * (schedule.final_learning_rate + span * fall)


def _learn(learner: Learner, job: Job, rate: float) -> dict[str, Tensor]:
    """Take one step down the loss; returns the losses, still on the device."""
    device = next(learner.network.parameters()).device
    planes = {
        name: _to_planes(pixels, device) for name, pixels in job.sampler.draw(learner.step).items()
    }
    with torch.autocast(device.type, torch.bfloat16, enabled=job.low_precision):
        losses = job.task.losses(learner.network, planes)
    for group in learner.optimiser.param_groups:
        group["lr"] = rate
    learner.optimiser.zero_grad(set_to_none=True)
    losses["loss"].backward()  # type: ignore[no-untyped-call]
    limit = job.schedule.gradient_norm_limit
    norm = nn.utils.clip_grad_norm_(learner.network.parameters(), limit)
    if not torch.isfinite(norm):
        raise TrainingError(
            f"the gradient is {norm.item()} at step {learner.step}: train again in another run "
            "folder with a lower learning_rate or gradient_norm_limit"
        )
    learner.optimiser.step()
    learner.average.update_parameters(learner.network)
    learner.step += 1
    return {name: value.detach() for name, value in losses.items()}


def _to_planes(pixels: npt.NDArray[np.uint8], device: torch.device) -> Tensor:
    """Return float NCHW in [0, 1] whose memory is channels-last."""
    moved = torch.from_numpy(pixels).to(device, non_blocking=True)
    return moved.permute(0, 3, 1, 2).to(torch.float32).div_(255)


@contextmanager
def _listen_for_signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of dying of them; a second one of a kind kills."""
    received: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, previous[signal.Signals(number)])

    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in previous:
        signal.signal(number, remember)
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
