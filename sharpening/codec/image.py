"""What a picture is outside networks, and the formats that it can come in; reads no bytes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import features

Pixels = npt.NDArray[Any]

Format = Literal["png", "jpeg", "webp", "tiff", "avif"]
FORMATS: tuple[Format, ...] = tuple(
    name for name in get_args(Format) if name != "avif" or features.check("avif")
)
"""Those that can be read and written here: Pillow can be built without AVIF."""

MEDIA_TYPES: dict[Format, str] = {name: f"image/{name}" for name in FORMATS}

_UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: stored[::-1].swapaxes(0, 1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: stored[:, ::-1].swapaxes(0, 1),
}
"""By EXIF's orientation, from the picture as it is stored to the picture as it is seen."""


@dataclass(frozen=True)
class Image:
    """A picture outside networks.

    `pixels` is `(H, W, 3)` RGB, uint8 or, for 16-bit sources, uint16; a grey source has three
    equal channels and `greyscale` set. `alpha` is `(H, W)` of the same dtype and says nothing of
    the colours: they are not multiplied by it. `exif` begins with `Exif` and two zeros; the
    orientation is already applied and its tag gone.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    greyscale: bool = False
    format: Format = "png"
    icc_profile: bytes | None = field(default=None, repr=False)
    exif: bytes | None = field(default=None, repr=False)

    @property
    def bit_depth(self) -> int:
        """8 or 16."""
        return int(self.pixels.dtype.itemsize) * 8

    def with_pixels(self, pixels: Pixels) -> "Image":
        """Return the same picture with other pixels; alpha and metadata stay."""
        return replace(self, pixels=pixels)

    def turned(self, orientation: int) -> "Image":
        """Return the picture as it is seen, if EXIF gives this orientation to what is stored.

        Orientations that EXIF does not know change nothing.
        """
        turn = _UPRIGHT.get(orientation)
        if turn is None:
            return self
        alpha = None if self.alpha is None else np.ascontiguousarray(turn(self.alpha))
        return replace(self, pixels=np.ascontiguousarray(turn(self.pixels)), alpha=alpha)


def separate(channels: Pixels) -> tuple[Pixels, Pixels | None, bool]:
    """Take `(H, W)` or `(H, W, 1 to 4)` apart: grey or RGB, each with or without alpha.

    Returns the pixels, `(H, W, 3)`, alpha and whether the picture is grey.
    """
    if channels.ndim == 2:
        channels = channels[..., np.newaxis]
    count = channels.shape[2]
    alpha = np.ascontiguousarray(channels[..., -1]) if count in {2, 4} else None
    if count <= 2:
        return np.repeat(channels[..., :1], 3, axis=2), alpha, True
    return np.ascontiguousarray(channels[..., :3]), alpha, False


def join(image: Image) -> Pixels:
    """Return the channels as a file holds them: `(H, W)` for opaque grey, else `(H, W, 2 to 4)`."""
    colour = _to_grey(image.pixels) if image.greyscale else np.ascontiguousarray(image.pixels)
    return colour if image.alpha is None else np.dstack([colour, image.alpha])


def _to_grey(pixels: Pixels) -> Pixels:
    """Return the mean of the channels, which a network may have moved apart by a level or two."""
    total = np.add(pixels[..., 0], pixels[..., 1], dtype=np.uint32)
    total += pixels[..., 2]
    total += 1  # rounds: a mean of three whole numbers never lies half way
    total //= 3
    return total.astype(pixels.dtype)
