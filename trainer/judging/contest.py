"""Weights files against each other on sharp pictures: what the verb `evaluate` does."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from sharpening.degradation import Degradation
from sharpening.engine import Engine
from sharpening.ensemble import SelfEnsemble
from sharpening.errors import TrainingError
from sharpening.evaluation import Sharpener
from sharpening.runtimes import choose_runtime
from sharpening.weights import Weights
from trainer.judging.comparison import Comparison, summarise_pairs
from trainer.judging.report import Report, evaluate_sets, tabulate

ENSEMBLE = "x8"
"""What is added to a model's name where its self-ensemble is meant."""


class Results(BaseModel):
    """Every model's rows and, of one student and one teacher, the paper's four pairs."""

    model_config = ConfigDict(frozen=True)

    sets: Report
    comparison: Comparison | None


@dataclass(frozen=True)
class Contest:
    """Models that undo one degradation."""

    degradation: Degradation
    sharpeners: Mapping[str, Sharpener]
    """By role where a model is alone in it, otherwise by name; self-ensembles besides."""
    names: Mapping[str, str]
    """The models' names by the same keys."""

    def hold(self, sets: Mapping[str, Sequence[Path]]) -> Results:
        """Judge every model on the sets; raises `TrainingError` for an unusable picture."""
        evaluations = evaluate_sets(sets, self.degradation, self.sharpeners)
        comparison = None
        if {"student", "teacher"} <= self.sharpeners.keys():
            pooled = [each for pictures in evaluations.values() for each in pictures]
            comparison = summarise_pairs(pooled, self.degradation)
        return Results(sets=tabulate(evaluations, self.names), comparison=comparison)

    def choose_shown(self) -> dict[str, Sharpener]:
        """Return the student and the teacher, as far as there are such, for the figure's columns.

        Raises `TrainingError` if there are several of a role.
        """
        several = [key for key, name in self.names.items() if key == name]
        if several:
            raise TrainingError(
                f"a figure shows one student and one teacher; got {', '.join(several)}: "
                "give fewer weights files or leave out --figure"
            )
        return {role: self.sharpeners[role] for role in sorted(self.names)}


def open_contest(
    models: Sequence[Weights], *, device: str = "auto", self_ensemble: bool = False
) -> Contest:
    """Load the models; with `self_ensemble`, each teacher's self-ensemble beside it.

    Raises `TrainingError` if they undo different degradations, or if no teacher is among them
    whose self-ensemble could be judged.
    """
    distinct = {weights.name: weights for weights in models}
    degradations = {weights.card.degradation for weights in models}
    if len(degradations) > 1:
        raise TrainingError("these weights undo different degradations: evaluate them apart")
    counts = Counter(weights.card.role for weights in distinct.values())
    if self_ensemble and not counts["teacher"]:
        raise TrainingError(
            "--self-ensemble is for teachers: give a teacher's weights file as well"
        )
    sharpeners: dict[str, Sharpener] = {}
    names: dict[str, str] = {}
    for name, weights in distinct.items():
        role = weights.card.role
        key = role if counts[role] == 1 else name
        names[key] = name
        sharpeners[key] = engine = Engine(choose_runtime(weights, device=device))
        if self_ensemble and role == "teacher":
            sharpeners[f"{name} {ENSEMBLE}"] = SelfEnsemble(engine)
    return Contest(degradations.pop(), sharpeners, names)
