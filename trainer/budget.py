"""How much of a run's budget is spent, and the learning rate that follows from it."""

import math
from dataclasses import dataclass, replace

from trainer.config import Schedule


@dataclass(frozen=True)
class Spent:
    """What a run has come to: steps, patches, seconds; `photographs` is what an epoch has."""

    photographs: int
    steps: int = 0
    images: int = 0
    elapsed_s: float = 0.0

    def after(self, *, images: int, elapsed_s: float) -> "Spent":
        """Return the same one step of so many patches later, when so much time has passed."""
        return replace(self, steps=self.steps + 1, images=self.images + images, elapsed_s=elapsed_s)

    def measure(self, schedule: Schedule) -> tuple[str, float, float]:
        """Return what the budget counts, how much of it is spent and how much there is."""
        if schedule.steps is not None:
            return "step", self.steps, schedule.steps
        if schedule.minutes is not None:
            return "s", self.elapsed_s, schedule.minutes * 60
        assert schedule.epochs is not None
        return "image", self.images, schedule.epochs * self.photographs

    def progress(self, schedule: Schedule) -> float:
        """Return the share of the budget that is spent, from 0 to 1."""
        _, spent, total = self.measure(schedule)
        return min(1.0, spent / total)


def learning_rate_at(schedule: Schedule, step: int, progress: float) -> float:
    """Return the learning rate: a linear rise, times a cosine over the whole budget or nothing."""
    rise = min(1.0, (step + 1) / (schedule.warmup_steps + 1))
    if schedule.decay == "none":
        return rise * schedule.learning_rate
    fall = 0.5 * (1 + math.cos(math.pi * progress))
    span = schedule.learning_rate - schedule.final_learning_rate
    return rise * (schedule.final_learning_rate + span * fall)
