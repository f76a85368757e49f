"""A whole graph, pictures in and pictures out: all of it in one run and few passes over memory.

Pictures enter and leave as a view of their own memory, `(N, H/F, F, W/F, F * 3)` integers, F being
the network's fold: one transposition gives the folded channels, in the order row, column, colour.
Pixel-unshuffle has colour, row, column, so it is the kernels that are put in our order, once.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import openvino
from openvino import opset13 as ops

from sharpening.runtimes.openvino.networks import Plan
from sharpening.runtimes.openvino.operations import Convolution, integers, transpose

_COLOURS = 3
_ROWS_TOGETHER = (0, 1, 3, 2, 4)
_TYPES = {np.dtype(np.uint8): "u8", np.dtype(np.uint16): "u16"}


def view_folded(batch: npt.NDArray[Any], fold: int) -> npt.NDArray[Any]:
    """Return a C-contiguous batch `(N, H, W, 3)` as the graph takes it, without a copy."""
    pictures, height, width, _ = batch.shape
    return batch.reshape(pictures, height // fold, fold, width // fold, fold * _COLOURS)


def write_graph(
    plan: Plan, dtype: np.dtype[Any], shape: tuple[int, ...] | None = None
) -> openvino.Model:
    """Return the graph for pictures of that dtype, of one shape as viewed, or of any.

    Levels are scaled in the first and last kernels, and the correction is added to the levels
    themselves, which float32 holds exactly.
    """
    fold, largest = plan.fold, float(np.iinfo(dtype).max)
    order = _order_channels(fold)

    def enter(layer: Convolution) -> Convolution:
        return Convolution(layer.kernels[:, order] / np.float32(largest), layer.biases)

    def leave(layer: Convolution) -> Convolution:
        scale = np.float32(largest)
        return Convolution(layer.kernels[order] * scale, layer.biases[order] * scale)

    free = [-1, -1, fold, -1, fold * _COLOURS]
    blurred = ops.parameter(list(shape) if shape else free, dtype)
    together = transpose(blurred, *_ROWS_TOGETHER)
    folded = ops.reshape(together, integers(0, 0, 0, order.size), special_zero=True)
    levels = ops.convert(folded, "f32")
    correction = plan.write(transpose(levels, 0, 3, 1, 2), enter, leave)
    sharpened = ops.add(transpose(correction, 0, 2, 3, 1), levels)
    clamped = ops.clamp(ops.round(sharpened, "half_to_even"), 0.0, largest)
    numbers = ops.convert(clamped, _TYPES[dtype])
    apart = ops.reshape(numbers, integers(0, 0, 0, fold, fold * _COLOURS), special_zero=True)
    output = transpose(apart, *_ROWS_TOGETHER)
    return openvino.Model([ops.result(output)], [blurred], "sharpen")


def _order_channels(fold: int) -> npt.NDArray[np.intp]:
    """Return for each of our channels its number in pixel-unshuffle's order."""
    theirs = np.arange(_COLOURS * fold**2).reshape(_COLOURS, fold, fold)
    return theirs.transpose(1, 2, 0).reshape(-1)
