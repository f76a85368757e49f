"""Budgets of every kind are spent from 0 to 1, and the learning rate follows."""

import pytest

from trainer.budget import Spent, learning_rate_at
from trainer.config import Schedule


def test_the_learning_rate_rises_then_falls_to_its_end() -> None:
    schedule = Schedule(steps=1000, warmup_steps=100, learning_rate=1.0, final_learning_rate=0.01)
    rates = [learning_rate_at(schedule, step, step / 1000) for step in range(1001)]
    assert rates[0] == pytest.approx(1 / 101)
    assert max(rates) == pytest.approx(1.0, abs=0.03)
    assert rates[550] < rates[300] < max(rates)
    assert rates[1000] == pytest.approx(0.01)


def test_without_decay_the_learning_rate_stays() -> None:
    schedule = Schedule(steps=10, warmup_steps=0, learning_rate=0.5, decay="none")
    assert {learning_rate_at(schedule, step, step / 10) for step in range(10)} == {0.5}


@pytest.mark.parametrize(
    ("schedule", "progress"),
    [
        (Schedule(steps=10), 0.5),
        (Schedule(minutes=1), 0.25),
        (Schedule(epochs=16), 0.25),
        (Schedule(steps=4), 1.0),
    ],
)
def test_progress_is_the_share_of_the_budget(schedule: Schedule, progress: float) -> None:
    spent = Spent(photographs=10, steps=5, images=40, elapsed_s=15.0)
    assert spent.progress(schedule) == progress


def test_a_step_adds_to_what_is_spent() -> None:
    spent = Spent(photographs=10, steps=5, images=40, elapsed_s=15.0)
    assert spent.after(images=8, elapsed_s=16.5) == Spent(10, 6, 48, 16.5)
