"""What `weights/` ships is what the project promises."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from sharpening.codec import decode
from sharpening.engine import Engine
from sharpening.golden import TOLERANCE, largest_difference, load_golden, name_golden
from sharpening.metrics import psnr
from sharpening.runtimes import choose_runtime
from sharpening.runtimes.torch import restore_network
from sharpening.weights import Weights, encode_weights, load_weights
from trainer.export import name_graph

FOLDER = Path(__file__).resolve().parent.parent / "weights"


PROFILES = ("call", "paper")
MODELS = [f"{profile}-{role}" for profile in PROFILES for role in ("student", "teacher")]


@pytest.fixture(scope="module")
def shipped() -> dict[str, Weights]:
    return {name: load_weights(FOLDER / f"{name}.safetensors") for name in MODELS}


@pytest.fixture(scope="module")
def student(shipped: dict[str, Weights]) -> Weights:
    return shipped["paper-student"]


def test_every_file_loads() -> None:
    for path in FOLDER.glob("*.safetensors"):
        restore_network(load_weights(path))


def test_there_is_nothing_else() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.safetensors")) == MODELS


@pytest.mark.parametrize("profile", PROFILES)
def test_the_sizes_are_the_promised_ones(shipped: dict[str, Weights], profile: str) -> None:
    student = shipped[f"{profile}-student"]
    assert student.card.contract.parameters <= 13_000
    assert sum(tensor.size for tensor in student.tensors.values()) <= 13_000
    assert shipped[f"{profile}-teacher"].card.contract.parameters > 2_500_000


def test_no_file_is_larger_than_12_mb() -> None:
    assert max(path.stat().st_size for path in FOLDER.iterdir()) <= 12_000_000


def test_the_student_was_taught_by_the_teacher_beside_it(student: Weights) -> None:
    shipped = (FOLDER / "paper-teacher.safetensors").read_bytes()
    assert student.card.teacher == hashlib.sha256(shipped).hexdigest()


@pytest.mark.parametrize("name", MODELS)
def test_each_says_by_which_code_and_how_long_it_was_made(
    shipped: dict[str, Weights], name: str
) -> None:
    card = shipped[name].card
    assert len(card.training.code_revision) == 40
    assert card.training.steps > 0
    assert set(card.metrics) >= {"definitions", "validation", "sets"}


def test_the_model_card_names_all(shipped: dict[str, Weights]) -> None:
    card = (FOLDER / "README.md").read_text("utf-8")
    assert all(f"`{weights.name}`" in card for weights in shipped.values())


def test_loading_and_saving_keeps_every_byte(shipped: dict[str, Weights]) -> None:
    for weights in shipped.values():
        data = encode_weights(weights.tensors, weights.card)
        assert hashlib.sha256(data).hexdigest() == weights.sha256


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.safetensors")), ids=lambda path: path.stem)
def test_golden_pair_holds_for_its_weights(path: Path) -> None:
    weights = load_weights(path)
    golden = load_golden(name_golden(path))
    assert golden.sha256 == weights.sha256
    assert largest_difference(golden, choose_runtime(weights, device="cpu")) <= TOLERANCE


@pytest.mark.parametrize("profile", PROFILES)
def test_golden_pair_holds_for_the_graph_beside_it(
    shipped: dict[str, Weights], profile: str
) -> None:
    path = FOLDER / f"{profile}-student.safetensors"
    graph = onnx.load_model_from_string(name_graph(path).read_bytes())
    metadata = {each.key: each.value for each in graph.metadata_props}
    assert metadata["sha256"] == shipped[f"{profile}-student"].sha256
    golden = load_golden(name_golden(path))
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (answer,) = session.run(None, {"blurred": golden.blurred[np.newaxis]})
    assert np.abs(answer[0].astype(int) - golden.sharpened).max() <= TOLERANCE


def test_the_blind_models_leave_a_sharp_picture_alone(shipped: dict[str, Weights]) -> None:
    sharp = decode((FOLDER.parent / "examples" / "dog.png").read_bytes()).pixels[100:356, 100:356]
    for name in ("call-student", "call-teacher"):
        engine = Engine(choose_runtime(shipped[name], device="cpu"))
        assert psnr(sharp, engine.sharpen(sharp)) > 38


@pytest.mark.parametrize("layer", ["head", *(f"body.{place}" for place in range(8)), "tail"])
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
