"""The few operations that our networks consist of, as OpenVINO nodes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import openvino
from openvino import opset13 as ops

Floats = npt.NDArray[np.float32]

_SLOPE = 0.1


@dataclass(frozen=True)
class Convolution:
    """What a convolution is made of: kernels `(outputs, inputs, S, S)` and biases `(outputs,)`."""

    kernels: Floats
    biases: Floats


def convolve(
    features: openvino.Node, layer: Convolution, *, dilation: int = 1, stride: int = 1
) -> openvino.Node:
    """Convolve NCHW features; without a stride the size stays, zeros lying around it."""
    side = layer.kernels.shape[2]
    reach = dilation * (side // 2) if stride == 1 else 0
    sums = ops.convolution(
        features,
        ops.constant(np.ascontiguousarray(layer.kernels, np.float32)),
        [stride, stride],
        [reach, reach],
        [reach, reach],
        [dilation, dilation],
    )
    return ops.add(sums, ops.constant(layer.biases.astype(np.float32).reshape(1, -1, 1, 1)))


def activate(features: openvino.Node) -> openvino.Node:
    """Apply LeakyReLU(0.1)."""
    return ops.prelu(features, ops.constant(np.array([_SLOPE], np.float32)))


def unfold(features: openvino.Node, factor: int) -> openvino.Node:
    """Apply pixel-shuffle, PyTorch's order of channels."""
    return ops.depth_to_space(features, "depth_first", factor)


def transpose(features: openvino.Node, *axes: int) -> openvino.Node:
    """Return the features with those axes in that order."""
    return ops.transpose(features, integers(*axes))


def integers(*values: int) -> openvino.Node:
    """Return a constant list of whole numbers."""
    return ops.constant(np.array(values, np.int64))
