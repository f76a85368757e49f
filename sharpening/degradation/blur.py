"""What a lens, a hand or a wrong focus does to a picture: three sorts of blur.

Lengths are in pixels of the sharp picture and need not be whole. Beyond its border a picture goes
on as its mirror image. Blurs act on the 8-bit values as they are, not on linear light, as a
network that is to undo them sees those.
"""

import math
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from sharpening.degradation.pixels import Pixels, Value, round_pixels

Kernel = npt.NDArray[np.float64]

_FINENESS = 16
"""Places counted along each side of a pixel: a kernel's edge is exact to a 256th of it."""


class GaussianBlur(Value):
    """A soft lens: a true Gaussian, unlike Pillow's."""

    kind: Literal["gaussian"] = "gaussian"
    sigma_px: float = Field(gt=0, le=20)

    def apply(self, pixels: Pixels) -> Pixels:
        """Return `pixels`, `(H, W, 3)` uint8, blurred."""
        from scipy.ndimage import gaussian_filter  # here: loading it takes longer than all else

        sigma = (self.sigma_px, self.sigma_px, 0)
        return round_pixels(gaussian_filter(pixels.astype(np.float32), sigma))


class DefocusBlur(Value):
    """A wrong focus: every point becomes an even disc."""

    kind: Literal["defocus"] = "defocus"
    radius_px: float = Field(gt=0, le=20)

    def apply(self, pixels: Pixels) -> Pixels:
        """Return `pixels`, `(H, W, 3)` uint8, blurred."""
        return _convolve(pixels, draw_disc(self.radius_px))


class MotionBlur(Value):
    """A steady movement while the shutter is open: every point becomes a line."""

    kind: Literal["motion"] = "motion"
    length_px: float = Field(gt=0, le=40)
    angle_degrees: float
    """Counter-clockwise from the right."""

    def apply(self, pixels: Pixels) -> Pixels:
        """Return `pixels`, `(H, W, 3)` uint8, blurred."""
        return _convolve(pixels, draw_line(self.length_px, self.angle_degrees))


Blur = Annotated[GaussianBlur | DefocusBlur | MotionBlur, Field(discriminator="kind")]


def draw_disc(radius_px: float) -> Kernel:
    """Return the share of an even disc that falls on each pixel about its middle; the sum is 1."""
    reach = math.ceil(radius_px - 0.5)
    fine = (np.arange((2 * reach + 1) * _FINENESS) + 0.5) / _FINENESS - reach - 0.5
    inside = np.hypot(fine[:, np.newaxis], fine) <= radius_px
    side = 2 * reach + 1
    shares = inside.reshape(side, _FINENESS, side, _FINENESS).sum(axis=(1, 3))
    kernel: Kernel = shares / shares.sum()
    return kernel


def draw_line(length_px: float, angle_degrees: float) -> Kernel:
    """Return the share of an even line that falls on each pixel about its middle; the sum is 1.

    Each of many points along it is shared by the four pixels around it, the nearer the more.
    """
    count = math.ceil(length_px) * _FINENESS
    along = ((np.arange(count) + 0.5) / count - 0.5) * length_px
    right = along * math.cos(math.radians(angle_degrees))
    down = -along * math.sin(math.radians(angle_degrees))
    reach = math.ceil(max(np.abs(right).max(), np.abs(down).max()))
    pixels = np.arange(-reach, reach + 1)
    rows = np.maximum(0, 1 - np.abs(down[:, np.newaxis] - pixels))
    columns = np.maximum(0, 1 - np.abs(right[:, np.newaxis] - pixels))
    kernel: Kernel = rows.T @ columns / count
    return kernel


def _convolve(pixels: Pixels, kernel: Kernel) -> Pixels:
    from scipy.signal import oaconvolve  # here, for the same reason

    reach = kernel.shape[0] // 2
    padded = np.pad(pixels, ((reach, reach), (reach, reach), (0, 0)), mode="symmetric")
    window = kernel.astype(np.float32)[..., np.newaxis]
    return round_pixels(oaconvolve(padded.astype(np.float32), window, mode="valid", axes=(0, 1)))
