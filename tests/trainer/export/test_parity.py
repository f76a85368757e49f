"""A graph that does not give PyTorch's pictures is refused."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from sharpening.errors import WeightsError
from sharpening.weights import Weights
from trainer.export import parity
from trainer.export.golden import make_golden
from trainer.export.graph import build_graph
from trainer.export.parity import check_graph, measure_difference, run_with_reference

Make = Callable[..., Weights]


def test_graph_of_the_weights_passes_in_onnx_runtime(make_weights: Make) -> None:
    weights = make_weights("student")
    assert check_graph(build_graph(weights), weights, make_golden(weights)) == "ONNX Runtime"


def test_without_onnx_runtime_the_graph_is_checked_all_the_same(
    make_weights: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = make_weights("student", {"channels": 4, "dilations": [1]})
    monkeypatch.setattr(parity, "find_spec", lambda name: None)
    name = check_graph(build_graph(weights), weights, make_golden(weights))
    assert name == "onnx's reference evaluator"


def test_reference_evaluator_gives_the_same(make_weights: Make) -> None:
    weights = make_weights("student", {"channels": 4, "dilations": [1]})
    run = run_with_reference(build_graph(weights))
    assert measure_difference(run, weights, make_golden(weights)) <= 1


def test_graph_with_one_broken_weight_is_refused(make_weights: Make) -> None:
    weights = make_weights("student")
    head = weights.tensors["head.weight"].copy()
    head.flat[np.abs(head).argmax()] *= -1
    broken = replace(weights, tensors={**weights.tensors, "head.weight": head})
    with pytest.raises(WeightsError, match=r"\d+ grey levels away.*expected 1 at most"):
        check_graph(build_graph(broken), weights, make_golden(weights))
