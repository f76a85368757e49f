"""Colours that full transparency hides, replaced by ones that do no harm to what is seen.

Never changes a colour that shows, and never looks at how much of it shows. The way is pull and
push: https://doi.org/10.1145/237170.237200, section 3.5; ours knows only hidden and not hidden.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

_BAND_ROWS = 256


def fill_hidden(pixels: Pixels, hidden: Mask) -> Pixels:
    """Return the picture, `(H, W, 3)`, with its `hidden` pixels, `(H, W)`, filled from the others.

    Each takes the mean colour of the smallest square around it, of the squares that halving the
    picture again and again gives, in which something shows. Where nothing does, the picture is
    returned as it is. Works in whole numbers, a band of rows at a time.
    """
    if not hidden.any() or hidden.all():
        return pixels
    halved, halved_hidden = _halve(pixels, hidden)
    coarse = fill_hidden(halved, halved_hidden)
    filled = pixels.copy()
    height, width = hidden.shape
    for top in range(0, height, _BAND_ROWS):
        rows = slice(top, min(top + _BAND_ROWS, height))
        squares = coarse[top // 2 : (rows.stop + 1) // 2].repeat(2, axis=0).repeat(2, axis=1)
        band = squares[: rows.stop - top, :width]
        np.copyto(filled[rows], band, where=hidden[rows, :, np.newaxis])
    return filled


def _halve(pixels: Pixels, hidden: Mask) -> tuple[Pixels, Mask]:
    """Return the mean of what shows of every 2x2 pixels, and where nothing does."""
    height, width = (-(-side // 2) for side in hidden.shape)
    means = np.empty((height, width, 3), pixels.dtype)
    nothing = np.empty((height, width), np.bool_)
    for top in range(0, height, _BAND_ROWS):
        rows = slice(2 * top, 2 * (top + _BAND_ROWS))
        total, count = _sum_squares(pixels[rows], hidden[rows])
        target = slice(top, top + len(count))
        means[target] = (total + count // 2) // np.maximum(count, 1)
        nothing[target] = count[..., 0] == 0
    return means, nothing


def _sum_squares(
    pixels: Pixels, hidden: Mask
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Return the sum of what shows of every 2x2 pixels, and how many pixels that are."""
    odd = [(0, side % 2) for side in hidden.shape]
    shows = np.pad(~hidden, odd)[..., np.newaxis]
    colours = np.pad(pixels, [*odd, (0, 0)])
    total = np.zeros((shows.shape[0] // 2, shows.shape[1] // 2, 3), np.uint32)
    count = np.zeros((*total.shape[:2], 1), np.uint32)
    for row in (0, 1):
        for column in (0, 1):
            corner = slice(row, None, 2), slice(column, None, 2)
            total += colours[corner] * shows[corner]
            count += shows[corner]
    return total, count
