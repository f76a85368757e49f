"""The training loop: draw, learn, average, now and then validate, and write it all down.

It does not know what is distilled: a task returns the losses.
"""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sharpening.errors import TrainingError
from sharpening.networks import Network, move_network
from trainer.budget import Spent, learning_rate_at
from trainer.config import Schedule
from trainer.feed import Request, feed
from trainer.optimisers import RELATIVE_RATE, create_optimisers
from trainer.patches import Sampler
from trainer.randomness import read_random_states, restore_random_states
from trainer.runs import Journal, RunFolder
from trainer.tasks import Task
from trainer.team import ALONE, Team

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
    optimisers: list[torch.optim.Optimizer]
    spent: Spent

    @property
    def averaged(self) -> Network:
        """The exponential moving average, which is what is validated and exported."""
        network = self.average.module
        assert isinstance(network, Network)
        return network

    def state(self) -> dict[str, Any]:
        """Return all of it, and every random state, to be written down."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [each.state_dict() for each in self.optimisers],
            "step": self.spent.steps,
            "images": self.spent.images,
            "elapsed_s": self.spent.elapsed_s,
            "photographs": self.spent.photographs,
            "random": read_random_states(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` returned."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.spent = read_spent(state)
        restore_random_states(state["random"])


def read_spent(state: Mapping[str, Any]) -> Spent:
    """Return how far the run of a checkpoint had come."""
    return Spent(
        photographs=state["photographs"],
        steps=state["step"],
        images=state["images"],
        elapsed_s=state["elapsed_s"],
    )


@dataclass(frozen=True)
class Job:
    """What a learner is put to: all that stays the same while it is trained."""

    task: Task
    sampler: Sampler
    schedule: Schedule
    run: RunFolder
    validate: Validate
    device: torch.device
    team: Team = ALONE
    workers: int = 0
    """Processes that draw patches ahead; none: the training process draws them itself."""
    low_precision: bool = False
    clock: Callable[[], float] = time.monotonic


def create_learner(
    network: Network, schedule: Schedule, device: torch.device, *, photographs: int
) -> Learner:
    """Return a learner at step 0, on the device."""
    move_network(network, device)
    averaging = get_ema_multi_avg_fn(schedule.ema_decay)  # type: ignore[no-untyped-call]
    return Learner(
        network,
        AveragedModel(network, multi_avg_fn=averaging),
        create_optimisers(network, schedule),
        Spent(photographs),
    )


def train(learner: Learner, job: Job) -> dict[str, float]:
    """Train until the budget is spent, leaving a checkpoint at the end and every so often before.

    Returns the last validation. Raises `Stopped` after SIGINT or SIGTERM, once a checkpoint is
    written, and `TrainingError` if the gradient stops being a number or a checkpoint cannot be
    written.
    """
    schedule, begun_at_s = job.schedule, job.clock() - learner.spent.elapsed_s
    saved_at_s = learner.spent.elapsed_s
    network = job.team.join(learner.network)
    batches = _feed(learner, job)
    journal = Journal(job.run, schedule, learner.spent, silent=not job.team.is_first)
    with _listen_for_signals() as signals, journal:
        while (progress := learner.spent.progress(schedule)) < 1:
            if learner.spent.steps and learner.spent.steps % schedule.validate_every_steps == 0:
                _save(learner, job)  # validation may take longer than whoever stops us waits
                saved_at_s = learner.spent.elapsed_s
                _validate(learner, job, journal)
            rate = learning_rate_at(schedule, learner.spent.steps, progress)
            images, losses = learn(learner, network, job, next(batches), rate)
            elapsed_s, stopped_by = job.team.agree(
                job.clock() - begun_at_s, max(signals, default=0)
            )
            learner.spent = learner.spent.after(images=images, elapsed_s=elapsed_s)
            journal.record(learner.spent, rate, losses)
            if stopped_by or elapsed_s - saved_at_s >= schedule.checkpoint_every_s:
                _save(learner, job)
                saved_at_s = elapsed_s
            if stopped_by:
                raise Stopped(stopped_by)
        _save(learner, job)
        figures = _validate(learner, job, journal)
        if signals:
            raise Stopped(signals[0])
    return figures


def _feed(learner: Learner, job: Job) -> Iterator[dict[str, Tensor]]:
    requests, pin = requests_of(learner, job), job.device.type == "cuda"
    return feed(job.sampler, requests, workers=job.workers, pin=pin)


def requests_of(learner: Learner, job: Job) -> Iterator[Request]:
    """Yield what this process draws for each step to come.

    Workers ask ahead of time. A budget in minutes is then judged by the time of asking.
    """
    spent = learner.spent
    while True:
        batch_size, patch_px = job.schedule.shape_at(spent.progress(job.schedule))
        share = job.team.share_batch(batch_size)
        yield Request(spent.images + job.team.rank * share, share, patch_px)
        spent = spent.after(images=batch_size, elapsed_s=learner.spent.elapsed_s)


def learn(
    learner: Learner, network: nn.Module, job: Job, batch: Mapping[str, Tensor], rate: float
) -> tuple[int, dict[str, Tensor]]:
    """Take one step down the loss; returns the images of all processes and the losses."""
    device = job.device
    planes = {name: _to_planes(pixels, device) for name, pixels in batch.items()}
    progress = learner.spent.progress(job.schedule)
    with torch.autocast(device.type, torch.bfloat16, enabled=job.low_precision):
        losses = job.task.losses(network, planes, progress)
    for optimiser in learner.optimisers:
        optimiser.zero_grad(set_to_none=True)
        for group in optimiser.param_groups:
            group["lr"] = rate * group[RELATIVE_RATE]
    network.zero_grad(set_to_none=True)
    losses["loss"].backward()  # type: ignore[no-untyped-call]
    _limit_gradient(learner, job.schedule)
    for optimiser in learner.optimisers:
        optimiser.step()
    learner.average.update_parameters(learner.network)
    images = len(planes["sharp"]) * job.team.size
    return images, {name: value.detach() for name, value in losses.items()}


def _limit_gradient(learner: Learner, schedule: Schedule) -> None:
    limit = schedule.gradient_norm_limit
    norm = nn.utils.clip_grad_norm_(learner.network.parameters(), limit or float("inf"))
    if not torch.isfinite(norm):
        raise TrainingError(
            f"the gradient is {norm.item()} at step {learner.spent.steps}: train again in another "
            "run folder with a lower learning_rate or gradient_norm_limit"
        )


def _save(learner: Learner, job: Job) -> None:
    if job.team.is_first:
        job.run.save_checkpoint(learner.state())


def _validate(learner: Learner, job: Job, journal: Journal) -> dict[str, float]:
    """Judge the averaged network; one process does it, while the others wait for its word."""
    figures = dict(job.validate(learner.averaged)) if job.team.is_first else {}
    journal.record_validation(learner.spent.steps, figures)
    return dict(job.team.tell_all(figures))


def _to_planes(pixels: Tensor, device: torch.device) -> Tensor:
    """Return float NCHW in [0, 1] whose memory is channels-last."""
    moved = pixels.to(device, non_blocking=True)
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
