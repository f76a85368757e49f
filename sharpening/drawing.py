"""A picture drawn by code: always the same, small, with a little of all that pictures have.

Never reads a file and knows no network.
"""

import numpy as np
import numpy.typing as npt

from sharpening.tiling import round_up

Pixels = npt.NDArray[np.uint8]

_HEIGHT_PX, _WIDTH_PX = 48, 64
_DARK, _BRIGHT = 32, 224
"""Far enough from black and white that few answers are clamped, which would hide differences."""


def draw_picture(multiple_of: int, *, enlargement: int = 1) -> Pixels:
    """Return an `(H, W, 3)` picture of 48x64 px, or the next larger multiples.

    From the left: colour gradients, discs and slanted edges, strokes like those of text, noise;
    the lower half has them in another colour and half the contrast. `enlargement` makes each pixel
    a square of so many a side.
    """
    height, width = round_up(_HEIGHT_PX, multiple_of), round_up(_WIDTH_PX, multiple_of)
    down, right = np.mgrid[:height, :width]
    generator = np.random.default_rng(0)
    panels = (_gradients(down, right), _edges(down, right), _strokes(down, right, generator))
    noise = generator.random((height, width, 3))
    shades = np.stack([*panels, noise])
    panel = np.broadcast_to((right * len(shades) // width)[..., np.newaxis], noise.shape)
    shade = np.take_along_axis(shades, panel[np.newaxis], axis=0)[0]
    lower = (down >= height // 2)[..., np.newaxis]
    shade = np.where(lower, 0.25 + np.roll(shade, 1, axis=2) / 2, shade)
    picture: Pixels = np.rint(_DARK + (_BRIGHT - _DARK) * shade).astype(np.uint8)
    return picture.repeat(enlargement, axis=0).repeat(enlargement, axis=1)


def _gradients(
    down: npt.NDArray[np.int64], right: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    return np.stack([down % 24 / 23, right % 16 / 15, (down + right) % 32 / 31], axis=-1)


def _edges(down: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    disc = (down % 16 - 7) ** 2 + (right % 16 - 8) ** 2 < 30
    slanted = (2 * down + right) % 20 < 10
    return np.stack([disc, slanted, disc ^ slanted], axis=-1).astype(np.float64)


def _strokes(
    down: npt.NDArray[np.int64],
    right: npt.NDArray[np.int64],
    generator: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Dark marks of 1 px in cells of 4x6, every cell another, on a bright ground."""
    marks = generator.random(down.shape) < 0.5
    gaps = (right % 4 == 3) | (down % 6 == 5)
    return np.repeat((gaps | marks)[..., np.newaxis], 3, axis=-1).astype(np.float64)
