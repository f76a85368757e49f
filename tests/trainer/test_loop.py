"""The loop spends its budget, averages, and can be stopped and taken up again."""

import os
import random
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sharpening.errors import TrainingError
from sharpening.networks import Student
from sharpening.networks.student import StudentConfig
from trainer.budget import Spent
from trainer.config import Phase, Schedule
from trainer.loop import Job, Learner, Stopped, _save, create_learner, train
from trainer.patches import Sampler
from trainer.runs import RunFolder
from trainer.tasks import Planes, Restoration
from trainer.team import Team

SCHEDULE = Schedule(
    steps=12, batch_size=2, patch_px=16, warmup_steps=2, log_every_steps=4, validate_every_steps=6
)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class StoppingTask:
    """Restoration that sends this process a signal at one call."""

    at_call: int
    calls: list[int] = field(default_factory=list)

    def losses(self, network: nn.Module, planes: Planes, progress: float) -> dict[str, Tensor]:
        self.calls.append(1)
        if len(self.calls) == self.at_call:
            os.kill(os.getpid(), signal.SIGTERM)
        return Restoration().losses(network, planes, progress)


class NoisyTask:
    """Restoration that draws from every random state there is."""

    def losses(self, network: nn.Module, planes: Planes, progress: float) -> dict[str, Tensor]:
        losses = Restoration().losses(network, planes, progress)
        drawn = torch.rand(()) + random.random() + float(np.random.rand())
        return {"loss": losses["loss"] * drawn}


class HopelessTask:
    """A loss that is no number."""

    def losses(self, network: nn.Module, planes: Planes, progress: float) -> dict[str, Tensor]:
        return {"loss": network(planes["blurred"]).sum() * float("nan")}


@dataclass(frozen=True)
class Watching:
    """Restoration that notes the shapes of the batches and the progress it is told."""

    seen: list[tuple[int, int, float]] = field(default_factory=list)

    def losses(self, network: nn.Module, planes: Planes, progress: float) -> dict[str, Tensor]:
        count, _, side, _ = planes["sharp"].shape
        self.seen.append((count, side, progress))
        return Restoration().losses(network, planes, progress)


def begin(schedule: Schedule = SCHEDULE) -> Learner:
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    network = Student(StudentConfig(channels=4, dilations=(1,)))
    return create_learner(network, schedule, CPU, photographs=1)


def make_job(folder: Path, schedule: Schedule = SCHEDULE) -> Job:
    generator = np.random.default_rng(0)
    sharp, blurred = generator.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    sampler = Sampler([{"sharp": sharp, "blurred": blurred}], seed=1)
    folder.mkdir(exist_ok=True)
    return Job(Restoration(), sampler, schedule, RunFolder(folder), lambda _: {"psnr": 1.0}, CPU)


def tensors(learner: Learner) -> Mapping[str, Tensor]:
    return learner.averaged.state_dict()


def assert_same_bits(one: Learner, other: Learner) -> None:
    for name, tensor in tensors(one).items():
        assert torch.equal(tensor, tensors(other)[name]), name


def test_stops_at_the_budgets_end_and_has_learned(tmp_path: Path) -> None:
    learner, untrained = begin(), begin()
    train(learner, make_job(tmp_path))
    assert learner.spent.steps == 12
    assert learner.spent.images == 24
    assert not torch.equal(learner.network.head.weight, untrained.network.head.weight)
    state = RunFolder(tmp_path).load_checkpoint()
    assert state is not None
    assert state["step"] == 12


def test_a_budget_in_minutes_ends_by_the_clock(tmp_path: Path) -> None:
    schedule = Schedule(minutes=1, batch_size=2, patch_px=16)
    learner = begin()
    ticks = count(0, 7)
    train(learner, replace(make_job(tmp_path, schedule), clock=lambda: float(next(ticks))))
    assert learner.spent.steps == 9
    assert learner.spent.elapsed_s == 63


def test_a_budget_in_epochs_ends_when_every_photograph_gave_so_many_patches(
    tmp_path: Path,
) -> None:
    schedule = Schedule(epochs=10, batch_size=2, patch_px=16)
    learner = begin()
    learner.spent = Spent(photographs=3)
    train(learner, make_job(tmp_path, schedule))
    assert learner.spent.images == 30


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path: Path, optimiser: str) -> None:
    schedule = SCHEDULE.model_copy(update={"optimiser": optimiser})
    whole = begin(schedule)
    train(whole, make_job(tmp_path / "whole", schedule))
    job = make_job(tmp_path / "stopped", schedule)
    with pytest.raises(Stopped) as stopped:
        train(begin(schedule), replace(job, task=StoppingTask(at_call=5)))
    assert stopped.value.signal_number == signal.SIGTERM
    resumed = begin(schedule)
    state = job.run.load_checkpoint()
    assert state is not None
    assert state["step"] == 5
    resumed.restore(state)
    train(resumed, job)
    assert_same_bits(whole, resumed)


def test_every_random_state_is_taken_up_again(tmp_path: Path) -> None:
    schedule = SCHEDULE.model_copy(update={"decay": "none"})
    whole = begin(schedule)
    train(whole, replace(make_job(tmp_path / "whole", schedule), task=NoisyTask()))
    job = replace(make_job(tmp_path / "parts", schedule), task=NoisyTask())
    train(begin(), replace(job, schedule=schedule.model_copy(update={"steps": 7})))
    resumed = begin(schedule)
    random.seed(99)
    torch.manual_seed(99)
    np.random.seed(99)
    state = job.run.load_checkpoint()
    assert state is not None
    resumed.restore(state)
    train(resumed, job)
    assert_same_bits(whole, resumed)


def test_workers_draw_the_same_run(tmp_path: Path) -> None:
    phases = (Phase(until=0.5, batch_size=4, patch_px=16),)
    schedule = SCHEDULE.model_copy(update={"phases": phases, "patch_px": 32})
    alone, helped = begin(schedule), begin(schedule)
    train(alone, make_job(tmp_path / "alone", schedule))
    train(helped, replace(make_job(tmp_path / "helped", schedule), workers=1))
    assert_same_bits(alone, helped)


def test_phases_shape_the_batches_and_tasks_are_told_how_far_they_are(tmp_path: Path) -> None:
    phases = (
        Phase(until=0.25, batch_size=6, patch_px=16),
        Phase(until=0.5, batch_size=4, patch_px=24),
    )
    schedule = SCHEDULE.model_copy(update={"phases": phases, "patch_px": 32})
    task = Watching()
    learner = begin(schedule)
    train(learner, replace(make_job(tmp_path, schedule), task=task))
    assert [shape[:2] for shape in task.seen] == [(6, 16)] * 3 + [(4, 24)] * 3 + [(2, 32)] * 6
    assert [shape[2] for shape in task.seen] == pytest.approx([step / 12 for step in range(12)])
    assert learner.spent.images == 3 * 6 + 3 * 4 + 6 * 2


def test_only_the_first_process_writes_a_checkpoint(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    _save(begin(), replace(job, team=Team(rank=1, size=2)))
    assert not job.run.checkpoint_path.exists()
    _save(begin(), replace(job, team=Team(rank=0, size=2)))
    assert job.run.checkpoint_path.exists()


def test_the_average_lags_behind_the_network(tmp_path: Path) -> None:
    learner = begin()
    train(learner, make_job(tmp_path))
    assert not torch.equal(learner.averaged.head.weight, learner.network.head.weight)


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="learning_rate"):
        train(begin(), replace(make_job(tmp_path), task=HopelessTask()))


def test_metrics_are_logged_when_due(tmp_path: Path) -> None:
    train(begin(), make_job(tmp_path))
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert sum("learning_rate" in line for line in lines) == 3
    assert sum("validation" in line for line in lines) == 2
