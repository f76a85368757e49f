"""OpenVINO gives what PyTorch gives, whatever the network, the size and who asks at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sharpening.errors import WeightsError
from sharpening.runtimes import Threads
from sharpening.runtimes.openvino import OpenVinoRuntime, runs_architecture
from sharpening.runtimes.openvino import runtime as openvino_runtime
from sharpening.runtimes.torch import TorchRuntime, restore_network
from sharpening.weights import Tensors, Weights

Make = Callable[..., Weights]
Pixels = npt.NDArray[Any]

TEACHER = {"channels": [6, 8, 10], "blocks_down": [1, 2], "blocks_middle": 1, "blocks_up": [2, 1]}

NETWORKS: list[tuple[str, dict[str, Any]]] = [
    ("student", {}),
    ("student", {"channels": 5, "dilations": []}),
    ("mirror-student", {}),
    ("mirror-student", {"channels": 2, "dilations": [2]}),
    ("dihedral-student", {}),
    ("dihedral-student", {"fields": 1, "dilations": [2]}),
    ("teacher", TEACHER),
]


def draw(*shape: int, dtype: Any = np.uint8) -> Pixels:
    generator = np.random.default_rng(0)
    return generator.integers(0, np.iinfo(dtype).max + 1, (*shape, 3), dtype)


def run_in_pytorch(weights: Weights, batch: Pixels) -> Pixels:
    return TorchRuntime(restore_network(weights), "cpu").run(batch)


def differ(one: Pixels, other: Pixels) -> int:
    assert (one.shape, one.dtype) == (other.shape, other.dtype)
    return int(np.abs(one.astype(np.int64) - other).max())


@pytest.mark.parametrize(("architecture", "config"), NETWORKS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_size_gives_what_pytorch_gives_the_first_time_and_again(
    architecture: str, config: dict[str, Any], dtype: Any, make_weights: Make
) -> None:
    weights = make_weights(architecture, config)
    runtime = OpenVinoRuntime(weights)
    assert not runs_architecture("luminous-student")
    step = runtime.multiple_of
    allowed = 1 if dtype == np.uint8 else 4
    for pictures, rows, columns in ((1, 1, 1), (2, 3, 5), (1, 2, 9)):
        batch = draw(pictures, rows * step, columns * step, dtype=dtype)
        expected = run_in_pytorch(weights, batch)
        assert differ(expected, batch) > 10 * allowed
        for _ in range(3):  # by the graph of any size, then by one of its own
            assert differ(runtime.run(batch), expected) <= allowed


@pytest.mark.parametrize(("architecture", "config"), NETWORKS)
def test_half_precision_weights_are_run_in_single(
    architecture: str, config: dict[str, Any], make_weights: Make
) -> None:
    weights = make_weights(architecture, config, precision="float16")
    batch = draw(1, 16, 24)
    assert differ(OpenVinoRuntime(weights).run(batch), run_in_pytorch(weights, batch)) <= 1


def test_runtime_declares_what_its_network_does(make_weights: Make) -> None:
    runtime = OpenVinoRuntime(make_weights("dihedral-student"))
    assert (runtime.name, runtime.device, runtime.precision) == ("openvino", "cpu", "float32")
    assert (runtime.receptive_field_px, runtime.multiple_of) == (43, 4)


def test_low_precision_is_less_exact_but_for_16_bits(make_weights: Make) -> None:
    weights = make_weights("dihedral-student")
    rough, exact = OpenVinoRuntime(weights, precision="bfloat16"), OpenVinoRuntime(weights)
    assert rough.precision == "bfloat16"
    errors = rough.run(draw(1, 64, 96)).astype(int) - exact.run(draw(1, 64, 96))
    assert np.abs(errors).mean() < 0.5
    deep = draw(1, 64, 96, dtype=np.uint16)
    np.testing.assert_array_equal(rough.run(deep), exact.run(deep))


def test_batch_is_left_as_it_was_and_need_be_neither_writable_nor_contiguous(
    make_weights: Make,
) -> None:
    runtime = OpenVinoRuntime(make_weights("student"))
    whole = draw(1, 32, 40)
    before = whole.copy()
    whole.flags.writeable = False
    np.testing.assert_array_equal(runtime.run(whole), runtime.run(before))
    part = whole[:, 4:20, 8:32]
    expected = runtime.run(part.copy())
    for _ in range(3):
        answer = runtime.run(part)
        np.testing.assert_array_equal(answer, expected)
        assert answer.flags.writeable
    np.testing.assert_array_equal(whole, before)


def test_answers_of_threads_that_ask_at_once_are_their_own(make_weights: Make) -> None:
    weights = make_weights("student")
    runtime = OpenVinoRuntime(weights, threads=Threads(runs=2, each=1))
    batches = [draw(1, 32, 32) // divisor for divisor in range(1, 9)]
    expected = [run_in_pytorch(weights, batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(runtime.run, batches * 5))
    for answer, wanted in zip(answers, expected * 5, strict=True):
        assert differ(answer, wanted) <= 1


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...] | None]:
    """Grows by the size of each graph that is written."""
    sizes: list[tuple[int, ...] | None] = []
    write = openvino_runtime.write_graph

    def watch(plan: Any, dtype: Any, shape: tuple[int, ...] | None = None) -> Any:
        sizes.append(shape)
        return write(plan, dtype, shape)

    monkeypatch.setattr(openvino_runtime, "write_graph", watch)
    return sizes


def test_few_sizes_have_graphs_of_their_own_and_large_ones_none(
    make_weights: Make, monkeypatch: pytest.MonkeyPatch, compiled: list[tuple[int, ...] | None]
) -> None:
    monkeypatch.setattr(openvino_runtime, "_MOST_NUMBERS", 3 * 16 * 16)
    runtime = OpenVinoRuntime(make_weights("student"))
    small, tall = (1, 4, 2, 4, 6), (1, 8, 2, 8, 6)
    for side in (8, 8, 8, 16, 16, 16, 32, 32):
        runtime.run(draw(1, side, side))
    assert compiled == [None, small, tall]
    for side in (16, 8, 8):
        runtime.run(draw(1, side, side))
    assert compiled == [None, small, tall, small]


def test_teachers_whose_graphs_are_large_have_one_for_all_sizes(
    make_weights: Make, compiled: list[tuple[int, ...] | None]
) -> None:
    runtime = OpenVinoRuntime(make_weights("teacher", TEACHER))
    for _ in range(3):
        runtime.run(draw(1, 16, 16))
    assert compiled == [None]
    assert runtime.tile_px < OpenVinoRuntime(make_weights("student")).tile_px


def test_freed_memory_is_asked_for_again(make_weights: Make) -> None:
    runtime = OpenVinoRuntime(make_weights("student"))
    batch = draw(1, 32, 32)
    expected = runtime.run(batch)
    for _ in range(2):
        runtime.run(batch)
        runtime.free_memory()
        np.testing.assert_array_equal(runtime.run(batch), expected)


def change(weights: Weights, tensors: Tensors, **entries: Any) -> Weights:
    card = weights.card.model_copy(update=entries)
    return replace(weights, tensors={**weights.tensors, **tensors}, card=card)


def test_what_does_not_fit_is_refused(make_weights: Make) -> None:
    weights = make_weights("student")
    head = weights.tensors["head.weight"]
    cases = [
        (change(weights, {"head.weight": head[:3]}), r"'head.weight' should be .*has \(3, 12"),
        (change(weights, {"neck.weight": head}), r"\['neck.weight'\] have no place"),
        (change(weights, {"head.weight": head * np.nan}), "not finite"),
        (change(weights, {"head.weight": head.astype(np.float64)}), "float64"),
        (change(weights, {}, architecture="luminous-student"), "choose the runtime torch"),
        (change(weights, {}, config={"channels": 0}), "does not take the configuration"),
    ]
    contract = weights.card.contract.model_copy(update={"receptive_field_px": 3})
    cases.append((change(weights, {}, contract=contract), "declares the contract"))
    for broken, reason in cases:
        with pytest.raises(WeightsError, match=reason):
            OpenVinoRuntime(broken)
    missing = {name: each for name, each in weights.tensors.items() if name != "tail.bias"}
    with pytest.raises(WeightsError, match=r"'tail.bias' should be \(12,\) and the file lacks it"):
        OpenVinoRuntime(replace(weights, tensors=missing))
