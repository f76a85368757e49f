"""The ONNX graph is the network: in ONNX Runtime, in OpenVINO, at any size, byte for byte again."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import openvino
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor

from sharpening.degradation import PaperDegradation
from sharpening.errors import WeightsError
from sharpening.networks import ARCHITECTURES, Network
from sharpening.runtimes.torch import TorchRuntime, restore_network
from sharpening.weights import Weights, convert_tensors, load_weights
from trainer.export.graph import INPUT, OPSET, OUTPUT, build_graph
from trainer.export.parity import Run, run_with_onnxruntime, run_with_reference

Make = Callable[..., Weights]
Pixels = npt.NDArray[np.uint8]

SHIPPED = Path(__file__).parents[3] / "weights" / "paper-student.safetensors"
SIZES = [(1, 1), (1, 9), (8, 8), (17, 31), (48, 64)]
"""In multiples of what the network asks for; the student's are 2x2 to 96x128 px."""


@cache
def get_openvino() -> openvino.Core:
    """Return the one core of this process: without it, OpenVINO leaves the signal stack unusable.

    It sets an alternative signal stack up and frees it with its last core, but stays registered
    with it: the next signal is then a segmentation fault (OpenVINO 2026.4).
    """
    return openvino.Core()


def run_with_openvino(graph: bytes) -> Run:
    core = get_openvino()
    # on processors with bfloat16 OpenVINO would compute in it
    compiled = core.compile_model(
        core.read_model(graph), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    return lambda batch: np.asarray(compiled(batch)[0])


RUNS = {
    "onnxruntime": run_with_onnxruntime,
    "openvino": run_with_openvino,
    "reference": run_with_reference,
}


@pytest.fixture
def models(make_weights: Make, small_teacher: dict[str, Any]) -> dict[str, Weights]:
    return {
        "shipped": load_weights(SHIPPED),
        "teacher": make_weights("teacher", small_teacher, role="teacher"),
    }


def draw_blurred(pictures: int, height: int, width: int) -> Pixels:
    generator = np.random.default_rng(height * width)
    sharp = generator.integers(0, 256, (pictures, height, width, 3), np.uint8)
    return np.stack([PaperDegradation().apply(each) for each in sharp])


def differ(run: Run, runtime: TorchRuntime, blurred: Pixels) -> int:
    answer = run(blurred)
    assert answer.dtype == np.uint8
    assert answer.shape == blurred.shape
    return int(np.abs(answer.astype(int) - runtime.run(blurred)).max())


@pytest.mark.parametrize("model", ["shipped", "teacher"])
@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_every_size_and_batch_gives_what_pytorch_gives(
    name: str, model: str, models: dict[str, Weights]
) -> None:
    weights = models[model]
    runtime = TorchRuntime(restore_network(weights), "cpu")
    run = RUNS[name](build_graph(weights))
    for rows, columns in SIZES:
        if model == "teacher" and rows * columns > 100:
            rows, columns = rows // 4, columns // 4
        for pictures in (1, 2):
            height, width = rows * runtime.multiple_of, columns * runtime.multiple_of
            assert differ(run, runtime, draw_blurred(pictures, height, width)) <= 1


@pytest.mark.parametrize("name", list(RUNS))
@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_every_architecture_has_a_graph(
    architecture: str, name: str, make_weights: Make, small_teacher: dict[str, Any]
) -> None:
    weights = make_weights(architecture, small_teacher if architecture == "teacher" else {})
    runtime = TorchRuntime(restore_network(weights), "cpu")
    assert differ(RUNS[name](build_graph(weights)), runtime, draw_blurred(2, 8, 16)) <= 1


@pytest.mark.parametrize("name", list(RUNS))
@pytest.mark.parametrize(
    ("architecture", "config"),
    [
        ("mirror-student", {"channels": 2}),
        ("mirror-student", {"channels": 4, "dilations": []}),
        ("dihedral-student", {"fields": 1, "dilations": [2]}),
        ("dihedral-student", {"fields": 2, "dilations": []}),
    ],
)
def test_the_smallest_of_symmetric_students_have_graphs(
    architecture: str, config: dict[str, Any], name: str, make_weights: Make
) -> None:
    weights = make_weights(architecture, config)
    runtime = TorchRuntime(restore_network(weights), "cpu")
    assert differ(RUNS[name](build_graph(weights)), runtime, draw_blurred(2, 8, 16)) <= 1


@pytest.mark.parametrize("name", list(RUNS))
def test_halves_are_rounded_to_even_and_what_leaves_the_range_is_clamped(
    name: str, make_weights: Make
) -> None:
    weights = make_weights("luminous-student")
    black = np.zeros((1, 2, 3, 3), np.uint8)
    for levels, expected in ((0.5, 0), (1.5, 2), (2.5, 2), (3.5, 4), (-300, 0), (300, 255)):
        runtime, run = answer_constantly(weights, levels, name)
        np.testing.assert_array_equal(runtime.run(black), expected)
        np.testing.assert_array_equal(run(black), expected)


def answer_constantly(weights: Weights, levels: float, name: str) -> tuple[TorchRuntime, Run]:
    """Return runtimes of a network that adds so many grey levels and does nothing else."""
    tensors = {key: np.zeros_like(tensor) for key, tensor in weights.tensors.items()}
    tensors["layers.4.bias"] += np.float32(levels / 255)
    constant = replace(weights, tensors=tensors)
    return TorchRuntime(restore_network(constant), "cpu"), RUNS[name](build_graph(constant))


def test_half_precision_is_stored_and_full_precision_computed(make_weights: Make) -> None:
    full = make_weights("student")
    half = replace(
        full,
        card=full.card.model_copy(update={"precision": "float16"}),
        tensors=convert_tensors(full.tensors, "float16"),
    )
    graph = build_graph(half)
    assert len(build_graph(full)) - len(graph) > 1.8 * full.card.contract.parameters
    runtime = TorchRuntime(restore_network(half), "cpu")
    for open_ in RUNS.values():
        assert differ(open_(graph), runtime, draw_blurred(1, 32, 48)) <= 1


def test_same_weights_give_the_same_bytes(make_weights: Make) -> None:
    assert build_graph(make_weights("student")) == build_graph(make_weights("student"))


def test_graph_says_what_it_was_made_from_and_nothing_of_this_machine() -> None:
    weights = load_weights(SHIPPED)
    graph = build_graph(weights)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map == {
        "model": weights.name,
        "sha256": weights.sha256,
        "profile": "paper",
        "licence": "MIT",
        "receptive_field_px": "43",
        "multiple_of": "4",
    }
    model = onnx.load_model_from_string(graph)
    assert not model.producer_name
    assert not any(node.doc_string for node in model.graph.node)
    assert str(Path(__file__).parents[3]).encode() not in graph


def test_graph_takes_and_gives_integers_of_any_size(make_weights: Make) -> None:
    model = onnx.load_model_from_string(build_graph(make_weights("student")))
    assert [(each.domain, each.version) for each in model.opset_import] == [("", OPSET)]
    ports = [*model.graph.input, *model.graph.output]
    assert [port.name for port in ports] == [INPUT, OUTPUT]
    for port in ports:
        tensor = port.type.tensor_type
        assert tensor.elem_type == onnx.TensorProto.UINT8
        sides = [dimension.dim_param or dimension.dim_value for dimension in tensor.shape.dim]
        assert sides == ["batch", "height", "width", 3]


def test_graph_holds_the_tensors_of_the_weights() -> None:
    weights = load_weights(SHIPPED)
    model = onnx.load_model_from_string(build_graph(weights))
    stored = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    for name, tensor in weights.tensors.items():
        np.testing.assert_array_equal(stored[name], tensor)


class Squaring(Network):
    """Does what no rule writes."""

    architecture = "squaring"

    def __init__(self, config: object = None) -> None:
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(1))

    @property
    def receptive_field_px(self) -> int:
        return 0

    def forward(self, blurred: Tensor) -> Tensor:
        return torch.square(blurred)


def test_step_without_a_rule_is_refused_by_name(
    make_weights: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ARCHITECTURES, "student", Squaring)
    card = make_weights("luminous-student").card
    contract = card.contract.model_copy(
        update={"parameters": 1, "receptive_field_px": 0, "multiple_of": 1}
    )
    changes = {"architecture": "student", "config": {}, "contract": contract}
    weights = Weights(card.model_copy(update=changes), {"gain": np.ones(1, np.float32)}, "0" * 64)
    with pytest.raises(WeightsError, match=r"no rule writes .*square.*Conv2d.*--no-onnx"):
        build_graph(weights)
