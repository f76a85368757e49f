"""Pillow's pictures of 8 bits taken apart: RGB, alpha, and whether they are grey."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageCms

from sharpening.codec.image import Pixels
from sharpening.errors import BrokenImageError, UnsupportedImageError

_GREY_MODES = frozenset({"1", "L", "LA", "La"})
_MODES = _GREY_MODES | {"P", "PA", "RGB", "RGBA", "RGBa", "YCbCr"}


def separate_picture(picture: PillowImage.Image) -> tuple[Pixels, Pixels | None, bool]:
    """Return the pixels, `(H, W, 3)`, alpha or nothing, and whether the picture is grey.

    Raises `UnsupportedImageError` for modes that are not handled.
    """
    if picture.mode not in _MODES:
        raise UnsupportedImageError(
            f"pictures of mode {picture.mode} are not handled: convert to 8-bit RGB or greyscale"
        )
    greyscale = picture.mode in _GREY_MODES
    if picture.has_transparency_data:
        channels = np.asarray(picture.convert("RGBA"))
        alpha = np.ascontiguousarray(channels[..., 3])
        return np.ascontiguousarray(channels[..., :3]), alpha, greyscale
    return np.asarray(picture.convert("RGB")), None, greyscale


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
