"""Whether an ONNX graph gives the pictures that PyTorch gives, to a grey level."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from sharpening.errors import WeightsError
from sharpening.golden import TOLERANCE, Golden
from sharpening.runtimes.base import Batch
from sharpening.runtimes.torch import TorchRuntime, restore_network
from sharpening.weights import Weights
from trainer.export.graph import INPUT

Run = Callable[[Batch], Batch]


def check_graph(graph: bytes, weights: Weights, golden: Golden) -> str:
    """Return the name of what ran the graph: ONNX Runtime where there is one.

    Raises `WeightsError` if an answer is more than a grey level away from PyTorch's.
    """
    there = find_spec("onnxruntime") is not None
    name = "ONNX Runtime" if there else "onnx's reference evaluator"
    run = run_with_onnxruntime(graph) if there else run_with_reference(graph)
    difference = measure_difference(run, weights, golden)
    if difference > TOLERANCE:
        raise WeightsError(
            f"the ONNX graph of {weights.name} is {difference} grey levels away from PyTorch in "
            f"{name}; expected {TOLERANCE} at most: report it, or export with --no-onnx"
        )
    return name


def measure_difference(run: Run, weights: Weights, golden: Golden) -> int:
    """Return by how many grey levels the answers differ from PyTorch's where they differ most."""
    runtime = TorchRuntime(restore_network(weights), "cpu")
    return max(
        int(np.abs(run(batch).astype(np.int64) - runtime.run(batch)).max())
        for batch in _draw_batches(golden, runtime.multiple_of)
    )


def _draw_batches(golden: Golden, multiple_of: int) -> Iterator[Batch]:
    """Yield the golden picture and faint noise of awkward sizes, one picture and two."""
    yield golden.blurred[np.newaxis]
    generator = np.random.default_rng(0)
    for pictures, rows, columns in ((1, 1, 1), (2, 3, 5), (1, 7, 2)):
        shape = (pictures, rows * multiple_of, columns * multiple_of, 3)
        yield generator.integers(96, 160, shape, np.uint8)


def run_with_onnxruntime(graph: bytes) -> Run:
    """Return what runs the graph in ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return lambda batch: np.asarray(session.run(None, {INPUT: batch})[0])


def run_with_reference(graph: bytes) -> Run:
    """Return what runs the graph in ONNX's own evaluator: slow, but always there."""
    evaluator = ReferenceEvaluator(onnx.load_model_from_string(graph))

    def run(batch: Batch) -> Batch:
        (sharpened,) = evaluator.run(None, {INPUT: batch})
        return np.asarray(sharpened)

    return run
