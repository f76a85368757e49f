"""A network as an ONNX graph: pictures of integers in and out, for runtimes without PyTorch.

Scaling, rounding and clamping are inside, in the arithmetic of `TorchRuntime`. The graph is
written node by node from the traced `forward`, so that the same weights give the same bytes; why,
is in docs/decisions/0006-onnx-written-by-us.md. Never reads or writes files.
"""

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch.nn.functional as F
from onnx import TensorProto, checker, helper, numpy_helper
from torch import Tensor, fx, nn

from sharpening.errors import WeightsError
from sharpening.networks import Network
from sharpening.networks.dihedral import DihedralConv2d, DihedralUnfoldingConv2d
from sharpening.networks.mirror import MirrorConv2d
from sharpening.runtimes.torch import restore_network
from sharpening.symmetry import WAYS
from sharpening.weights import Precision, Weights

OPSET = 17
IR_VERSION = 8
"""Those of ONNX 1.12 (2022), so that older runtimes read the graph; nothing here needs more."""

INPUT, OUTPUT = "blurred", "sharpened"
_LARGEST = 255


def build_graph(weights: Weights) -> bytes:
    """Return an ONNX model that turns `blurred` into `sharpened`, both `(N, H, W, 3)` uint8.

    N, H and W are free; H and W must be multiples of the network's `multiple_of`. The model's
    metadata say what it was made from. Tensors are stored as in the weights file and used in
    float32. Raises `WeightsError` if the weights do not fit their architecture, or it does
    something for which there is no rule here.
    """
    network = restore_network(weights)
    writer = _Writer(weights.card.precision)
    scaled = _write_entry(writer)
    _write_exit(writer, _write_network(writer, network, scaled))
    model = helper.make_model(
        helper.make_graph(
            writer.nodes, weights.card.architecture, [_port(INPUT)], [_port(OUTPUT)], writer.stored
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(model, _describe(weights))
    checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _describe(weights: Weights) -> dict[str, str]:
    card = weights.card
    return {
        "model": weights.name,
        "sha256": weights.sha256,
        "profile": card.profile,
        "licence": card.licence,
        "receptive_field_px": str(card.contract.receptive_field_px),
        "multiple_of": str(card.contract.multiple_of),
    }


def _port(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.UINT8, ["batch", "height", "width", 3])


class _Writer:
    """The nodes and stored tensors of a graph that is being written."""

    def __init__(self, precision: Precision) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.stored: list[onnx.TensorProto] = []
        self._precision = precision

    def add(self, operation: str, inputs: Iterable[str], output: str, **attributes: Any) -> str:
        """Append a node and return the name of what it gives."""
        self.nodes.append(helper.make_node(operation, list(inputs), [output], **attributes))
        return output

    def store(self, name: str, tensor: npt.ArrayLike) -> str:
        """Store a float32 tensor; returns its name."""
        array = np.ascontiguousarray(tensor, np.float32).reshape(np.shape(tensor))
        self.stored.append(numpy_helper.from_array(array, name))
        return name

    def store_integers(self, name: str, values: Sequence[int]) -> str:
        """Store whole numbers, such as a shape; returns their name."""
        self.stored.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def store_places(self, places: Tensor) -> str:
        """Store where numbers are taken from, the same places once; returns their name."""
        array = places.cpu().numpy().astype(np.int32)
        name = "places." + "x".join(map(str, array.shape))
        if all(stored.name != name for stored in self.stored):
            self.stored.append(numpy_helper.from_array(array, name))
        return name

    def reshape(self, name: str, shape: Sequence[int]) -> str:
        """Give the tensor another shape, by one node however often; returns the name of that."""
        output = f"{name}.{'x'.join(map(str, shape))}"
        if any(output in node.output for node in self.nodes):
            return output
        return self.add("Reshape", [name, self.store_integers(f"{output}.shape", shape)], output)

    def store_parameter(self, name: str, parameter: Tensor | None) -> str:
        """Store what was learned, in the precision of the weights file; returns its name."""
        assert parameter is not None
        array = parameter.detach().cpu().numpy()
        if self._precision == "float32":
            return self.store(name, array)
        half = np.ascontiguousarray(array, np.float16)
        self.stored.append(numpy_helper.from_array(half, f"{name}.stored"))
        return self.add("Cast", [f"{name}.stored"], name, to=TensorProto.FLOAT)


_Rule = Callable[[_Writer, fx.Node, nn.Module | None, list[str]], str]
"""Writes one step, its layer if it has one, on inputs of those names; returns the output's name."""


def _write_entry(writer: _Writer) -> str:
    planes = writer.add("Transpose", [INPUT], "planes", perm=[0, 3, 1, 2])
    floats = writer.add("Cast", [planes], "floats", to=TensorProto.FLOAT)
    return writer.add("Div", [floats, writer.store("largest", _LARGEST)], "scaled")


def _write_exit(writer: _Writer, answer: str) -> None:
    levels = writer.add("Mul", [answer, "largest"], "levels")
    rounded = writer.add("Round", [levels], "rounded")  # halves to even, as PyTorch rounds
    clamped = writer.add("Clip", [rounded, writer.store("smallest", 0), "largest"], "clamped")
    integers = writer.add("Cast", [clamped], "integers", to=TensorProto.UINT8)
    writer.add("Transpose", [integers], OUTPUT, perm=[0, 2, 3, 1])


def _write_network(writer: _Writer, network: Network, scaled: str) -> str:
    """Write every step of `forward`; returns the name of the answer."""
    traced = fx.GraphModule(network, _Tracer().trace(network))
    names: dict[fx.Node, str] = {}
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            names[node] = scaled
        elif node.op == "output":
            return names[node.args[0]]
        else:
            layer = traced.get_submodule(node.target) if node.op == "call_module" else None
            inputs = [names[each] for each in node.args if isinstance(each, fx.Node)]
            names[node] = _find_rule(node, layer)(writer, node, layer, inputs)
    raise AssertionError("a traced graph ends with its output")


class _Tracer(fx.Tracer):
    """Takes for one step what has a rule, and not only PyTorch's own layers."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) in _RULES or super().is_leaf_module(m, module_qualified_name)


def _find_rule(node: fx.Node, layer: nn.Module | None) -> _Rule:
    target = node.target if layer is None else type(layer)
    rule = _RULES.get(target)
    if rule is None:
        known = ", ".join(each.__name__ for each in _RULES)
        raise WeightsError(
            f"no rule writes {target} as ONNX, only {known}: add one, or export with --no-onnx"
        )
    return rule


def _write_convolution(
    writer: _Writer, node: fx.Node, layer: nn.Module | None, inputs: list[str]
) -> str:
    assert isinstance(layer, nn.Conv2d)
    assert layer.padding_mode == "zeros"
    learned = [
        writer.store_parameter(f"{node.target}.{name}", parameter)
        for name, parameter in layer.named_parameters()
    ]
    return _add_convolution(writer, node.name, layer, [*inputs, *learned])


def _add_convolution(writer: _Writer, name: str, layer: nn.Conv2d, inputs: list[str]) -> str:
    assert isinstance(layer.padding, tuple)
    return writer.add(
        "Conv",
        inputs,
        name,
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.stride),
        pads=list(layer.padding) * 2,
        dilations=list(layer.dilation),
        group=layer.groups,
    )


def _write_mirror_convolution(
    writer: _Writer, node: fx.Node, layer: nn.Module | None, inputs: list[str]
) -> str:
    """Write the kernels that are stored, and how those of the mirror's side follow from them.

    So the graph holds no more numbers than the network learned; a runtime works the others out
    once, when it loads the graph.
    """
    assert isinstance(layer, MirrorConv2d)
    assert layer.bias is not None
    name = str(node.target)
    halves, channels, height, width = layer.weight.shape
    stored = writer.store_parameter(f"{name}.weight", layer.weight)
    pairs = writer.reshape(stored, [halves, channels // 2, 2, height, width])
    turned = writer.add(
        "Slice",
        [pairs, *(writer.store_integers(f"{name}.{key}", value) for key, value in _TURN.items())],
        f"{name}.turned",
    )
    sides = [halves, 1, channels, height, width]
    both = [writer.reshape(stored, sides), writer.reshape(turned, sides)]
    stacked = writer.add("Concat", both, f"{name}.stacked", axis=1)
    kernels = writer.reshape(stacked, [2 * halves, channels, height, width])
    bias = writer.reshape(writer.store_parameter(f"{name}.bias", layer.bias), [halves, 1])
    twice = writer.add("Concat", [bias, bias], f"{name}.twice", axis=1)
    learned = [kernels, writer.reshape(twice, [2 * halves])]
    return _add_convolution(writer, node.name, layer, [*inputs, *learned])


_TURN = {"starts": [-1, -1], "ends": [-(2**31), -(2**31)], "axes": [2, 4], "steps": [-1, -1]}
"""Swap the channels of each pair, and turn the kernel's columns round."""


def _write_dihedral_convolution(
    writer: _Writer, node: fx.Node, layer: nn.Module | None, inputs: list[str]
) -> str:
    """Write the kernels that are stored, and which numbers each of the eight takes from them."""
    assert isinstance(layer, DihedralConv2d)
    name = str(node.target)
    stored = writer.store_parameter(f"{name}.weight", layer.weight)
    kernels = _add_laid_kernels(writer, stored, layer.weight.shape, layer.places)
    bias = writer.reshape(writer.store_parameter(f"{name}.bias", layer.bias), [-1, 1])
    eightfold = writer.add("Concat", [bias] * WAYS, f"{name}.eightfold", axis=1)
    learned = [kernels, writer.reshape(eightfold, [-1])]
    return _add_convolution(writer, node.name, layer, [*inputs, *learned])


def _write_dihedral_unfolding(
    writer: _Writer, node: fx.Node, layer: nn.Module | None, inputs: list[str]
) -> str:
    assert isinstance(layer, DihedralUnfoldingConv2d)
    name = str(node.target)
    swapped = {"perm": [1, 0, 2, 3]}
    stored = writer.store_parameter(f"{name}.weight", layer.weight)
    by_field = writer.add("Transpose", [stored], f"{name}.by_field", **swapped)
    shape = layer.weight.transpose(0, 1).shape
    laid = _add_laid_kernels(writer, by_field, shape, layer.places)
    kernels = writer.add("Transpose", [laid], f"{name}.kernels", **swapped)
    bias = writer.store_parameter(f"{name}.bias", layer.bias)
    places = writer.store_places(layer.bias_places)
    biases = writer.add("Gather", [bias, places], f"{name}.biases", axis=0)
    return _add_convolution(writer, node.name, layer, [*inputs, kernels, biases])


def _add_laid_kernels(writer: _Writer, stored: str, shape: Sequence[int], places: Tensor) -> str:
    """Add what `lay_kernels` does; returns the name of the kernels."""
    fields, *kernel = shape
    flat = writer.reshape(stored, [fields, -1])
    laid = writer.add("Gather", [flat, writer.store_places(places)], f"{stored}.laid", axis=1)
    return writer.reshape(laid, [-1, *kernel])


def _write_leaky_relu(
    writer: _Writer, node: fx.Node, layer: nn.Module | None, inputs: list[str]
) -> str:
    return writer.add("LeakyRelu", inputs, node.name, alpha=node.kwargs["negative_slope"])


def _write_relu(writer: _Writer, node: fx.Node, layer: nn.Module | None, inputs: list[str]) -> str:
    return writer.add("Relu", inputs, node.name)


def _write_sum(writer: _Writer, node: fx.Node, layer: nn.Module | None, inputs: list[str]) -> str:
    return writer.add("Add", inputs, node.name)


def _write_fold(writer: _Writer, node: fx.Node, layer: nn.Module | None, inputs: list[str]) -> str:
    """Write pixel-unshuffle as a strided convolution that picks one px for each channel.

    ONNX's own SpaceToDepth orders the channels otherwise, and setting them right by a Gather gave
    wrong pictures in OpenVINO 2026.4.
    """
    factor = node.args[1]
    assert isinstance(factor, int)
    channels = 3  # it is pictures that are folded
    picks = np.eye(factor**2).reshape(factor**2, 1, factor, factor)
    kernel = writer.store(f"{node.name}.picks", np.tile(picks, (channels, 1, 1, 1)))
    sides = [factor, factor]
    return writer.add(
        "Conv", [*inputs, kernel], node.name, kernel_shape=sides, strides=sides, group=channels
    )


def _write_unfold(
    writer: _Writer, node: fx.Node, layer: nn.Module | None, inputs: list[str]
) -> str:
    return writer.add("DepthToSpace", inputs, node.name, blocksize=node.args[1], mode="CRD")


_RULES: dict[Any, _Rule] = {
    nn.Conv2d: _write_convolution,
    MirrorConv2d: _write_mirror_convolution,
    DihedralConv2d: _write_dihedral_convolution,
    DihedralUnfoldingConv2d: _write_dihedral_unfolding,
    nn.ReLU: _write_relu,
    F.leaky_relu: _write_leaky_relu,
    F.pixel_unshuffle: _write_fold,
    F.pixel_shuffle: _write_unfold,
    operator.add: _write_sum,
}
