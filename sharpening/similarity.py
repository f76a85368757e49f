"""Structural similarity, https://doi.org/10.1109/TIP.2003.819861, exact and a tile at a time.

Never pads: like scikit-image, which it equals, it averages over the windows that lie inside the
picture. Unlike it, it weighs the sum and the difference of both pictures instead of the pictures:
with p, q the squares of their means and v, w their variances in a window, similarity is

    (p - q + 2 C1) (v - w + 2 C2) / ((p + q + 2 C1) (v + w + 2 C2))

Windows are weighed by matrix products, small enough that the library behind them stays on the
calling thread.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2

_TILE_ROWS = 24
_TILE_COLUMNS = 192
_STEP = 24
"""Columns of one matrix product: fewer make more calls, more multiply more zeros."""


@dataclass(frozen=True)
class Window:
    """The weights of one side, which add up to 1, and what variances are multiplied by."""

    weights: tuple[float, ...]
    variance_factor: float = 1.0

    @property
    def reach(self) -> int:
        """How many px a side of the picture has more than windows."""
        return len(self.weights) - 1


def make_uniform_window(size: int) -> Window:
    """Return a window of equal weights with sample covariance."""
    area = size * size
    return Window((1 / size,) * size, area / (area - 1))


def make_gaussian_window(sigma: float, size: int) -> Window:
    """Return a Gaussian window with population covariance; `size` is odd."""
    offsets = np.arange(size) - size // 2
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    return Window(tuple((weights / weights.sum()).tolist()))


def mean_similarity(reference: Pixels, image: Pixels, window: Window) -> float:
    """Return the mean over all windows and channels of two `(H, W, 3)` uint8 pictures.

    Both sides are at least as long as the window's. Memory does not depend on their size.
    """
    spread = _spread(window)
    rows, columns = (side - window.reach for side in reference.shape[:2])
    total = 0.0
    for top, left in product(range(0, rows, _TILE_ROWS), range(0, columns, _TILE_COLUMNS)):
        tile = (
            slice(top, min(top + _TILE_ROWS, rows) + window.reach),
            slice(left, min(left + _TILE_COLUMNS, columns) + window.reach),
        )
        moments = _weigh(_stack(reference[tile], image[tile]), spread, window.reach)
        total += _sum_similarity(moments, window.variance_factor)
    return float(total / (rows * columns * 3))


def _spread(window: Window) -> Floats:
    """Return the band matrix whose product with a row is that row's weighted windows."""
    count = max(_TILE_ROWS, _STEP)
    matrix = np.zeros((count + window.reach, count))
    for column in range(count):
        matrix[column : column + len(window.weights), column] = window.weights
    return matrix


def _stack(reference: Pixels, image: Pixels) -> Floats:
    """Return `(4, 3, h, w)`: sum, difference, and the squares of both, channel by channel."""
    height, width, channels = reference.shape
    stack = np.empty((4, channels, height, width))
    first, second = reference.transpose(2, 0, 1), image.transpose(2, 0, 1)
    np.add(first, second, out=stack[0], dtype=np.float64)
    np.subtract(first, second, out=stack[1], dtype=np.float64)
    np.square(stack[:2], out=stack[2:])
    return stack


def _weigh(stack: Floats, spread: Floats, reach: int) -> Floats:
    """Return `(4, n)`: the weighted means of every window that fits."""
    planes = stack.reshape(-1, *stack.shape[2:])
    height, width = planes.shape[1] - reach, planes.shape[2] - reach
    down = np.matmul(spread[: height + reach, :height].T, planes)
    down = down.reshape(-1, width + reach)  # (12 * height, width + reach)
    weighed = np.empty((len(down), width))
    for start, stop in _step_over(width):
        across = spread[: stop - start + reach, : stop - start]
        np.matmul(down[:, start : stop + reach], across, out=weighed[:, start:stop])
    return weighed.reshape(len(stack), -1)


def _step_over(width: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + _STEP, width)) for start in range(0, width, _STEP))


def _sum_similarity(moments: Floats, variance_factor: float) -> float:
    p, q = squared_means = np.square(moments[:2])
    v, w = moments[2:] - squared_means
    c1, c2 = 2 * C1, 2 * C2 / variance_factor
    similarity = (p - q + c1) * (v - w + c2)
    similarity /= (p + q + c1) * (v + w + c2)
    return float(similarity.sum())
