"""The loop spends its budget, averages, and can be stopped and taken up again."""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from sharpening.errors import TrainingError
from sharpening.networks import Network, Student
from sharpening.networks.student import StudentConfig
from trainer.config import Schedule
from trainer.loop import (
    Job,
    Learner,
    Stopped,
    create_learner,
    learning_rate_at,
    measure_progress,
    train,
)
from trainer.patches import Sampler
from trainer.runs import RunFolder
from trainer.tasks import Planes, Restoration

SCHEDULE = Schedule(
    steps=12, batch_size=2, patch_px=16, warmup_steps=2, log_every_steps=4, validate_every_steps=6
)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class StoppingTask:
    """Restoration that sends this process a signal at one call."""

    at_call: int
    calls: list[int] = field(default_factory=list)

    def losses(self, network: Network, planes: Planes) -> dict[str, Tensor]:
        self.calls.append(1)
        if len(self.calls) == self.at_call:
            os.kill(os.getpid(), signal.SIGTERM)
        return Restoration().losses(network, planes)


class HopelessTask:
    """A loss that is no number."""

    def losses(self, network: Network, planes: Planes) -> dict[str, Tensor]:
        return {"loss": network(planes["blurred"]).sum() * float("nan")}


def begin() -> Learner:
    torch.manual_seed(0)
    return create_learner(Student(StudentConfig(channels=4, body_convolutions=1)), SCHEDULE, CPU)


def make_job(folder: Path, schedule: Schedule = SCHEDULE) -> Job:
    generator = np.random.default_rng(0)
    sharp, blurred = generator.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    sampler = Sampler([{"sharp": sharp, "blurred": blurred}], 2, 16, seed=1)
    folder.mkdir(exist_ok=True)
    return Job(Restoration(), sampler, schedule, RunFolder(folder), lambda _: {"psnr": 1.0})


def tensors(learner: Learner) -> Mapping[str, Tensor]:
    return learner.averaged.state_dict()


def test_stops_at_the_budgets_end_and_has_learned(tmp_path: Path) -> None:
    learner, untrained = begin(), begin()
    train(learner, make_job(tmp_path))
    assert learner.step == 12
    assert not torch.equal(learner.network.head.weight, untrained.network.head.weight)
    state = RunFolder(tmp_path).load_checkpoint()
    assert state is not None
    assert state["step"] == 12


def test_a_budget_in_minutes_ends_by_the_clock(tmp_path: Path) -> None:
    schedule = Schedule(minutes=1, batch_size=2, patch_px=16)
    learner = begin()
    ticks = count(0, 7)
    train(learner, replace(make_job(tmp_path, schedule), clock=lambda: float(next(ticks))))
    assert learner.step == 9
    assert learner.elapsed_s == 63


def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole = begin()
    train(whole, make_job(tmp_path / "whole"))
    job = make_job(tmp_path / "stopped")
    with pytest.raises(Stopped) as stopped:
        train(begin(), replace(job, task=StoppingTask(at_call=5)))
    assert stopped.value.signal_number == signal.SIGTERM
    resumed = begin()
    state = job.run.load_checkpoint()
    assert state is not None
    assert state["step"] == 5
    resumed.restore(state)
    train(resumed, job)
    for name, tensor in tensors(whole).items():
        assert torch.equal(tensor, tensors(resumed)[name]), name


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


def test_the_learning_rate_rises_then_falls_to_its_end() -> None:
    schedule = Schedule(steps=1000, warmup_steps=100, learning_rate=1.0, final_learning_rate=0.01)
    rates = [learning_rate_at(schedule, step, step / 1000) for step in range(1001)]
    assert rates[0] == pytest.approx(1 / 101)
    assert max(rates) == pytest.approx(1.0, abs=0.03)
    assert rates[550] < rates[300] < max(rates)
    assert rates[1000] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("schedule", "progress"),
    [(Schedule(steps=10), 0.5), (Schedule(minutes=1), 0.25), (Schedule(steps=4), 1.0)],
)
def test_progress_is_the_share_of_the_budget(schedule: Schedule, progress: float) -> None:
    assert measure_progress(schedule, 5, 15.0) == progress
