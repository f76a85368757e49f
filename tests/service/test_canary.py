from pathlib import Path

import numpy as np
import pytest

from service.canary import check_gain, measure_gain
from sharpening.engine import Engine
from sharpening.errors import WeightsError
from sharpening.runtimes import choose_runtime
from sharpening.weights import Card, load_weights

SHIPPED = Path(__file__).parents[2] / "weights" / "paper-student.safetensors"


class Runtime:
    """Answers with whatever it is told to."""

    name, device, receptive_field_px, multiple_of, tile_px = "told", "cpu", 1, 1, 512

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def run(self, batch: np.ndarray) -> np.ndarray:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(batch)


@pytest.fixture(scope="module")
def card() -> Card:
    return load_weights(SHIPPED).card


def test_the_shipped_student_gains_much(card: Card) -> None:
    engine = Engine(choose_runtime(load_weights(SHIPPED), device="cpu"))

    assert measure_gain(engine, card) > 2
    check_gain(engine, card, least_db=0.2)


def test_a_model_that_does_nothing_gains_nothing_and_is_refused(card: Card) -> None:
    idle = Engine(Runtime(lambda batch: batch))

    assert measure_gain(idle, card) == 0
    with pytest.raises(WeightsError, match=r"gains 0\.00 dB; expected at least 0\.2 dB"):
        check_gain(idle, card, least_db=0.2)


@pytest.mark.parametrize(
    "answer",
    [
        np.zeros_like,
        lambda batch: batch[:, :-1],
        RuntimeError("the tensors do not fit"),
        ValueError("the tensors do not fit"),
    ],
)
def test_a_model_that_spoils_pictures_or_cannot_run_is_refused(answer: object, card: Card) -> None:
    with pytest.raises(WeightsError):
        check_gain(Engine(Runtime(answer)), card, least_db=0.2)
