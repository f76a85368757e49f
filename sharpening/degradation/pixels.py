"""What every degradation takes and gives, and the check that it got that."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from pydantic import BaseModel, ConfigDict

from sharpening.errors import ImageError

Pixels = npt.NDArray[np.uint8]

Filter = Literal["box", "bilinear", "hamming", "bicubic", "lanczos"]
"""Pillow's filters for changing a picture's size."""


class Value(BaseModel):
    """A description that never changes and has no entry but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def check_pixels(pixels: npt.NDArray[Any]) -> None:
    """Raise `ImageError` for anything but `(H, W, 3)` uint8."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ImageError(
            f"a degradation takes (H, W, 3) uint8; got {pixels.shape} {pixels.dtype}: "
            "convert the picture to 8-bit RGB first"
        )


def resize(pixels: Pixels, size: tuple[int, int], filter_: Filter) -> Pixels:
    """Return the picture at that size, height first, by Pillow."""
    if pixels.shape[:2] == size:
        return pixels
    resampling = PillowImage.Resampling[filter_.upper()]
    picture = PillowImage.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(picture.resize(size[::-1], resampling))


def round_pixels(values: npt.NDArray[Any]) -> Pixels:
    """Return the values as the nearest grey levels."""
    pixels: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels
