"""The geometric self-ensemble: sharpen a picture in its eight positions and average the answers.

From EDSR (https://arxiv.org/abs/1707.02921, section 3.4). Ours averages the rounded answers of any
sharpener, so that it knows neither networks nor runtimes.
"""

import numpy as np

from sharpening.evaluation import Pixels, Sharpener

_GRID_PX = 2
"""The degradation's half-size grid: turned about an odd side, a picture would leave it."""

_POSITIONS = tuple((quarters, flipped) for flipped in (False, True) for quarters in range(4))


class SelfEnsemble:
    """Asks a sharpener about the four turns of a picture and of its mirror image."""

    def __init__(self, sharpener: Sharpener) -> None:
        self.sharpener = sharpener

    def sharpen(self, blurred: Pixels) -> Pixels:
        """Return the mean of the eight answers, rounded half to even: shape and dtype as given.

        `blurred` is `(H, W, 3)`. An odd side is first extended by its reflection to an even one,
        so that every position keeps the grid on which the picture was blurred. Takes eight times
        as long as the sharpener.
        """
        height, width = blurred.shape[:2]
        even = np.pad(
            blurred, ((0, -height % _GRID_PX), (0, -width % _GRID_PX), (0, 0)), mode="reflect"
        )
        total = np.zeros(even.shape, np.float32)  # exact: eight 16-bit values need 19 bits
        for position in _POSITIONS:
            total += _turn_back(self.sharpener.sharpen(_turn(even, position)), position)
        mean = np.rint(total / len(_POSITIONS)).astype(blurred.dtype)
        return np.ascontiguousarray(mean[:height, :width])


def _turn(pixels: Pixels, position: tuple[int, bool]) -> Pixels:
    quarters, flipped = position
    return np.ascontiguousarray(np.rot90(np.fliplr(pixels) if flipped else pixels, quarters))


def _turn_back(pixels: Pixels, position: tuple[int, bool]) -> Pixels:
    quarters, flipped = position
    upright = np.rot90(pixels, -quarters)
    return np.fliplr(upright) if flipped else upright
