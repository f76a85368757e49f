"""The eight ways to lay a square, and what each makes of a 3x3 kernel: the arithmetic of a network.

A kernel turned to another way has the same numbers in other places, so all that is said here are
places. Without PyTorch, for every runtime that has to write such kernels out.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

WAYS = 8
"""Four quarter turns, each as it is and mirrored: the dihedral group of the square."""

_SIDE = 3

Places = npt.NDArray[np.int64]


def lay(array: npt.NDArray[np.int64], way: int) -> npt.NDArray[np.int64]:
    """Return the array `(..., S, S)` laid that way: turned, and from the fifth way on mirrored."""
    turned = np.rot90(array, way % 4, axes=(-2, -1))
    return turned[..., ::-1] if way >= 4 else turned


def place_folded_kernel(fold: int) -> Places:
    """Return `(8, 3 * fold^2 * 9)`: for each way, where the kernel laid that way has its numbers.

    They are places in the flattened kernel `(3 * fold^2, 3, 3)`, whose channels are those that
    pixel-unshuffle folds: colour, row, column.
    """
    kernel = np.arange(3 * fold**2 * _SIDE**2).reshape(3, fold, fold, _SIDE, _SIDE)

    def lay_both(way: int) -> Places:
        pixels_last = np.moveaxis(lay(kernel, way), (1, 2), (-2, -1))
        return np.moveaxis(lay(pixels_last, way), (-2, -1), (1, 2))

    return _collect(lay_both)


def place_field_kernel(fields: int) -> Places:
    """Return `(8, fields * 8 * 9)`, as above, of a kernel `(fields * 8, 3, 3)`.

    A field is eight channels: what the first one would be if the picture lay each of the ways.
    """
    kernel = np.arange(fields * WAYS * _SIDE**2).reshape(fields, WAYS, _SIDE, _SIDE)
    order = _order_ways()
    return _collect(lambda way: lay(kernel[:, order[way]], way))


def place_folded_biases(fold: int) -> Places:
    """Return `(3 * fold^2,)`: which number each folded channel's bias is.

    Pixels that some way puts in each other's place have the same.
    """
    pixels = np.arange(3 * fold**2).reshape(3, fold, fold)
    first = np.min([lay(pixels, way) for way in range(WAYS)], axis=0)
    return np.unique(first, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _order_ways() -> list[list[int]]:
    """Return `order[way][channel]`: the channel that comes to lie there if a picture is laid so."""
    square = np.arange(4).reshape(2, 2)
    known = {lay(square, way).tobytes(): way for way in range(WAYS)}
    after = [
        [known[lay(lay(square, second), first).tobytes()] for second in range(WAYS)]
        for first in range(WAYS)
    ]  # after[first][second]: laid the second way, then the first
    back = [ways.index(0) for ways in after]
    return [after[back[way]] for way in range(WAYS)]


def _collect(lay_kernel: Callable[[int], Places]) -> Places:
    return np.stack([lay_kernel(way).reshape(-1) for way in range(WAYS)])
