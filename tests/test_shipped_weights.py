"""What `weights/` ships is what the project promises."""

import hashlib
from pathlib import Path

import pytest

from sharpening.runtimes.torch import restore_network
from sharpening.weights import Weights, load_weights

FOLDER = Path(__file__).resolve().parent.parent / "weights"


@pytest.fixture(scope="module")
def student() -> Weights:
    return load_weights(FOLDER / "paper-student.safetensors")


@pytest.fixture(scope="module")
def teacher() -> Weights:
    return load_weights(FOLDER / "paper-teacher.safetensors")


def test_every_file_loads() -> None:
    for path in FOLDER.glob("*.safetensors"):
        restore_network(load_weights(path))


def test_the_sizes_are_the_promised_ones(student: Weights, teacher: Weights) -> None:
    assert student.card.contract.parameters <= 13_000
    assert teacher.card.contract.parameters > 2_500_000


def test_the_student_was_taught_by_the_teacher_beside_it(student: Weights) -> None:
    shipped = (FOLDER / "paper-teacher.safetensors").read_bytes()
    assert student.card.teacher == hashlib.sha256(shipped).hexdigest()


def test_both_say_by_which_code_and_how_long_they_were_made(
    student: Weights, teacher: Weights
) -> None:
    for weights in (student, teacher):
        training = weights.card.training
        assert len(training.code_revision) == 40
        assert training.steps > 0
        assert set(weights.card.metrics) >= {"definitions", "validation", "sets"}


def test_the_model_card_names_both(student: Weights, teacher: Weights) -> None:
    card = (FOLDER / "README.md").read_text("utf-8")
    assert student.name in card
    assert teacher.name in card
