"""Models are judged on a pair: each against the reference, the student against the teacher too."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sharpening.degradation import PaperDegradation
from sharpening.errors import SizeMismatchError
from sharpening.evaluation import Summary, evaluate, summarise
from sharpening.metrics import DEFINITIONS, score

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Lighten:
    """Adds so many levels."""

    levels: int

    def sharpen(self, blurred: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.clip(blurred.astype(int) + self.levels, 0, 255).astype(np.uint8)


@pytest.fixture
def pair(photograph: Pixels) -> tuple[Pixels, Pixels]:
    sharp = photograph[:40, :50]
    return sharp, PaperDegradation().apply(sharp)


def test_input_and_every_model_are_scored_against_the_reference(
    pair: tuple[Pixels, Pixels],
) -> None:
    sharp, blurred = pair
    evaluation, sharpened = evaluate(sharp, blurred, {"student": Lighten(3), "other": Lighten(9)})
    assert evaluation.input == score(sharp, blurred)
    assert set(evaluation.models) == set(sharpened) == {"student", "other"}
    for name, levels in (("student", 3), ("other", 9)):
        np.testing.assert_array_equal(sharpened[name], Lighten(levels).sharpen(blurred))
        assert evaluation.models[name] == score(sharp, sharpened[name])
    assert evaluation.definition == DEFINITIONS


def test_student_is_scored_against_the_teacher_as_reference(pair: tuple[Pixels, Pixels]) -> None:
    evaluation, sharpened = evaluate(*pair, {"student": Lighten(1), "teacher": Lighten(5)})
    expected = score(sharpened["teacher"], sharpened["student"])
    assert evaluation.student_vs_teacher == expected


@pytest.mark.parametrize("names", [[], ["student"], ["teacher"], ["student", "luminous-teacher"]])
def test_without_both_there_is_no_such_score(names: list[str], pair: tuple[Pixels, Pixels]) -> None:
    evaluation, _ = evaluate(*pair, {name: Lighten(2) for name in names})
    assert evaluation.student_vs_teacher is None


def test_perfect_model_is_identical_and_survives_json(photograph: Pixels) -> None:
    sharp = photograph[:20, :20]
    evaluation, _ = evaluate(sharp, sharp, {"student": Lighten(0)})
    assert evaluation.models["student"].identical
    assert type(evaluation).model_validate_json(evaluation.model_dump_json()) == evaluation


def test_different_sizes_are_refused_before_anything_runs(photograph: Pixels) -> None:
    class Unasked:
        def sharpen(self, blurred: npt.NDArray[Any]) -> npt.NDArray[Any]:
            raise AssertionError("a model ran")

    with pytest.raises(SizeMismatchError):
        evaluate(photograph[:20, :20], photograph[:20, :21], {"student": Unasked()})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0, 1.0, 8.0], Summary(mean=4, median=3, min=1, count=3)),
        ([1.0, 2.0], Summary(mean=1.5, median=1.5, min=1, count=2)),
        ([None, 5.0], Summary(mean=5, median=5, min=5, count=1, missing=1)),
        ([None], Summary(mean=None, median=None, min=None, count=0, missing=1)),
        ([], Summary(mean=None, median=None, min=None, count=0)),
    ],
)
def test_summary_is_of_the_values_that_are_there(
    values: list[float | None], expected: Summary
) -> None:
    assert summarise(values) == expected
