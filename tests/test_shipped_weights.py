"""What `weights/` ships is what the project promises."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from sharpening.golden import TOLERANCE, largest_difference, load_golden, name_golden
from sharpening.runtimes import choose_runtime
from sharpening.runtimes.torch import restore_network
from sharpening.weights import Weights, encode_weights, load_weights
from trainer.export import name_graph

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


def test_loading_and_saving_keeps_every_byte(student: Weights, teacher: Weights) -> None:
    for weights in (student, teacher):
        data = encode_weights(weights.tensors, weights.card)
        assert hashlib.sha256(data).hexdigest() == weights.sha256


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.safetensors")), ids=lambda path: path.stem)
def test_golden_pair_holds_for_its_weights(path: Path) -> None:
    weights = load_weights(path)
    golden = load_golden(name_golden(path))
    assert golden.sha256 == weights.sha256
    assert largest_difference(golden, choose_runtime(weights, device="cpu")) <= TOLERANCE


def test_golden_pair_holds_for_the_graph_beside_it(student: Weights) -> None:
    path = FOLDER / "paper-student.safetensors"
    graph = name_graph(path).read_bytes()
    metadata = onnx.load_model_from_string(graph).metadata_props
    assert {each.key: each.value for each in metadata}["sha256"] == student.sha256
    golden = load_golden(name_golden(path))
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {"blurred": golden.blurred[np.newaxis]})
    assert np.abs(answer[0].astype(int) - golden.sharpened).max() <= TOLERANCE


@pytest.mark.parametrize("layer", ["head", "body.0", "body.1", "body.2", "body.3", "tail"])
def test_one_broken_weight_breaks_the_golden_pair(student: Weights, layer: str) -> None:
    weight = student.tensors[f"{layer}.weight"].copy()
    weight.flat[np.abs(weight).argmax()] *= -1
    broken = replace(student, tensors={**student.tensors, f"{layer}.weight": weight})
    golden = load_golden(name_golden(FOLDER / "paper-student.safetensors"))
    assert largest_difference(golden, choose_runtime(broken, device="cpu")) > TOLERANCE


def test_the_model_card_lists_every_file_as_it_is() -> None:
    card = (FOLDER / "README.md").read_text("utf-8")
    for path in FOLDER.iterdir():
        if path.name != "README.md":
            assert f"`{path.name}`" in card
            assert hashlib.sha256(path.read_bytes()).hexdigest() in card
