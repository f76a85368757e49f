"""Pillow's pictures of 8 bits taken apart: RGB, alpha, and whether they are grey."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageCms

from sharpening.codec.image import Pixels
from sharpening.errors import BrokenImageError, UnsupportedImageError

_GREY_MODES = frozenset({"1", "L", "LA", "La"})
_BAND_ROWS = 256
_MODES = _GREY_MODES | {"P", "PA", "RGB", "RGBA", "RGBa", "YCbCr"}


def separate_picture(picture: PillowImage.Image) -> tuple[Pixels, Pixels | None, bool]:
    """Return the pixels, `(H, W, 3)`, alpha or nothing, and whether the picture is grey.

    Raises `UnsupportedImageError` for modes that are not handled.
    """
    if picture.mode not in _MODES:
        raise UnsupportedImageError(
            f"pictures of mode {picture.mode} are not handled: convert to 8-bit RGB or greyscale"
        )
    width, height = picture.size
    pixels = np.empty((height, width, 3), np.uint8)
    alpha = np.empty((height, width), np.uint8) if picture.has_transparency_data else None
    for top in range(0, height, _BAND_ROWS):  # converted as a whole it would take twice the memory
        band = picture.crop((0, top, width, min(top + _BAND_ROWS, height)))
        rows = slice(top, top + band.height)
        channels = np.asarray(band.convert("RGB" if alpha is None else "RGBA"))
        pixels[rows] = channels[..., :3]
        if alpha is not None:
            alpha[rows] = channels[..., 3]
    return pixels, alpha, picture.mode in _GREY_MODES


def ink_to_srgb(picture: PillowImage.Image, icc_profile: bytes | None) -> npt.NDArray[np.uint8]:
    """Convert CMYK to sRGB: by the picture's profile, or plainly where it has none.

    Raises `BrokenImageError` for a profile that is none of ink.
    """
    if icc_profile is None:
        return np.asarray(picture.convert("RGB"))
    try:
        ink = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(picture, ink, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise BrokenImageError(
            f"the picture's CMYK profile is damaged ({error}): remove it, or send RGB"
        ) from error
    assert converted is not None  # profileToProfile returns None only when it works in place
    return np.asarray(converted)
