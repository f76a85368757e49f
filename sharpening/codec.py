"""Bytes to pictures and back, with everything that has to survive in between.

Never sharpens, never guesses a value range, never lifts Pillow's own pixel limit, never swallows
a decode error, and drops no metadata in silence.
"""

import io
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageCms, ImageOps, UnidentifiedImageError

from sharpening.errors import (
    BrokenImageError,
    CannotEncodeError,
    ImageTooLargeError,
    UnsupportedImageError,
)

Format = Literal["png", "jpeg", "webp", "tiff"]
FORMATS: tuple[Format, ...] = get_args(Format)
MEDIA_TYPES: dict[Format, str] = {name: f"image/{name}" for name in FORMATS}

MAX_PIXELS = 64_000_000
DEFAULT_QUALITY = 90

_HEADER_ERRORS = (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError)
"""What Pillow's plugins raise on damaged bytes, as found by feeding them some."""


@dataclass(frozen=True)
class Image:
    """A picture outside networks.

    `pixels` is `(H, W, 3)` RGB, uint8 or, for 16-bit sources, uint16; a grey source has three
    equal channels and `greyscale` set. `alpha` is `(H, W)` of the same dtype. EXIF orientation is
    already applied and its tag gone from `exif`.
    """

    pixels: npt.NDArray[Any]
    alpha: npt.NDArray[Any] | None = None
    greyscale: bool = False
    format: Format = "png"
    icc_profile: bytes | None = field(default=None, repr=False)
    exif: bytes | None = field(default=None, repr=False)

    @property
    def bit_depth(self) -> int:
        """8 or 16."""
        return int(self.pixels.dtype.itemsize) * 8

    def with_pixels(self, pixels: npt.NDArray[Any]) -> "Image":
        """Return the same picture with other pixels; alpha and metadata stay."""
        return replace(self, pixels=pixels)


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Return the picture in `data`: PNG, JPEG, WebP or TIFF, of one frame.

    Raises `UnsupportedImageError` for any other format, for animations and for modes that do not
    fit, `ImageTooLargeError` before decoding more than `max_pixels`, and `BrokenImageError` for
    bytes that are damaged or cut short.
    """
    source = _open(data)
    if source.width * source.height > max_pixels:
        raise ImageTooLargeError(width=source.width, height=source.height, max_pixels=max_pixels)
    format_: Format = (source.format or "").lower()  # type: ignore[assignment]
    _refuse_what_would_be_lost(source, data)
    try:
        source.load()
        upright = ImageOps.exif_transpose(source)
        exif = upright.getexif().tobytes() if upright.getexif() else None
    except (*_HEADER_ERRORS, PillowImage.DecompressionBombError) as error:
        raise BrokenImageError(
            f"the {format_.upper()} picture is damaged or incomplete ({error}): send it again"
        ) from error
    return _separate(upright, format_, exif)


def encode(image: Image, format_: Format | None = None, *, quality: int | None = None) -> bytes:
    """Return the picture as a file of `format_` (default: the one it came in).

    `quality`, 1 to 100, is for JPEG and WebP (default 90; WebP at 100 is lossless); PNG and TIFF
    are always lossless. Raises `CannotEncodeError` where the format cannot hold the picture.
    """
    target = format_ or image.format
    options = _options(target, DEFAULT_QUALITY if quality is None else quality)
    if target == "jpeg" and image.alpha is not None:
        raise CannotEncodeError("JPEG cannot hold transparency: ask for png, webp or tiff")
    if image.bit_depth == 16 and target not in {"png", "tiff"}:
        raise CannotEncodeError(f"{target} cannot hold 16 bits per channel: ask for png or tiff")
    buffer = io.BytesIO()
    _join(image).save(
        buffer,
        format=target.upper(),
        icc_profile=image.icc_profile,
        **({"exif": image.exif} if image.exif else {}),
        **options,
    )
    return buffer.getvalue()


def _open(data: bytes) -> PillowImage.Image:
    try:
        return PillowImage.open(io.BytesIO(data), formats=[name.upper() for name in FORMATS])
    except UnidentifiedImageError as error:
        raise UnsupportedImageError(
            f"not a picture in one of the formats {', '.join(FORMATS)}: convert it to one of them"
        ) from error
    except PillowImage.DecompressionBombError as error:
        raise UnsupportedImageError(f"the picture is far too large: {error}") from error
    except _HEADER_ERRORS as error:
        raise BrokenImageError(
            f"the picture's header is damaged ({error}): send it again"
        ) from error


def _refuse_what_would_be_lost(source: PillowImage.Image, data: bytes) -> None:
    frames = getattr(source, "n_frames", 1)
    if frames > 1:
        raise UnsupportedImageError(
            f"the {source.format} picture has {frames} frames; send one frame at a time"
        )
    if _colour_of_more_than_8_bits(source, data):
        raise UnsupportedImageError(
            f"{source.format} colour of 16 bits per channel would lose its lower 8 bits: "
            "send it as 8-bit, or as 16-bit greyscale"
        )


def _colour_of_more_than_8_bits(source: PillowImage.Image, data: bytes) -> bool:
    """Pillow reads 16-bit colour as 8-bit without a word, so ask the header itself."""
    if source.mode in {"L", "1", "P", "I;16", "I;16B", "I;16L"}:
        return False
    if source.format == "PNG":
        return data[24] == 16  # IHDR: length 4, type 4, width 4, height 4 after 8 of signature
    if source.format == "TIFF":
        bits = source.tag_v2.get(258, (8,))  # type: ignore[attr-defined]
        return max(bits) > 8
    return False


def _separate(upright: PillowImage.Image, format_: Format, exif: bytes | None) -> Image:
    icc_profile: bytes | None = upright.info.get("icc_profile")
    if upright.mode in {"I;16", "I;16B", "I;16L", "I"}:
        return Image(_grey_16_bit(upright), None, True, format_, icc_profile, exif)
    if upright.mode == "CMYK":
        return Image(_cmyk_to_rgb(upright, icc_profile), None, False, format_, None, exif)
    if upright.mode not in {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "YCbCr"}:
        raise UnsupportedImageError(
            f"pictures of mode {upright.mode} are not handled: convert to 8-bit RGB or greyscale"
        )
    greyscale = upright.mode in {"1", "L", "LA", "La"}
    if upright.has_transparency_data:
        channels = np.asarray(upright.convert("RGBA"))
        alpha = np.ascontiguousarray(channels[..., 3])
        pixels = np.ascontiguousarray(channels[..., :3])
        return Image(pixels, alpha, greyscale, format_, icc_profile, exif)
    pixels = np.asarray(upright.convert("RGB"))
    return Image(pixels, None, greyscale, format_, icc_profile, exif)


def _grey_16_bit(upright: PillowImage.Image) -> npt.NDArray[np.uint16]:
    grey = np.asarray(upright)
    if grey.min(initial=0) < 0 or grey.max(initial=0) > np.iinfo(np.uint16).max:
        raise UnsupportedImageError("greyscale of more than 16 bits is not handled: send 8 or 16")
    return np.repeat(grey.astype(np.uint16)[..., np.newaxis], 3, axis=2)


def _cmyk_to_rgb(upright: PillowImage.Image, icc_profile: bytes | None) -> npt.NDArray[np.uint8]:
    """Convert ink to sRGB: by the picture's profile, or plainly where it has none."""
    if icc_profile is None:
        return np.asarray(upright.convert("RGB"))
    try:
        ink = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(upright, ink, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise BrokenImageError(f"the picture's CMYK profile is damaged ({error})") from error
    assert converted is not None  # profileToProfile returns None only when it works in place
    return np.asarray(converted)


def _join(image: Image) -> PillowImage.Image:
    if image.bit_depth == 16:
        if not image.greyscale or image.alpha is not None:
            raise CannotEncodeError("16-bit pictures can only be written as opaque greyscale")
        return PillowImage.fromarray(_to_grey(image.pixels))
    if image.greyscale:
        colour = PillowImage.fromarray(_to_grey(image.pixels))
    else:
        colour = PillowImage.fromarray(np.ascontiguousarray(image.pixels))
    if image.alpha is not None:
        colour.putalpha(PillowImage.fromarray(image.alpha))
    return colour


def _to_grey(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the mean of the channels, which a network may have moved apart by a level or two."""
    mean = pixels.astype(np.float32).mean(axis=2)
    return np.asarray(np.rint(mean).astype(pixels.dtype))


def _options(target: Format, quality: int) -> dict[str, Any]:
    match target:
        case "png":
            return {"compress_level": 4}
        case "jpeg":
            return {"quality": quality, "subsampling": "4:4:4" if quality >= 90 else "4:2:0"}
        case "webp":
            return {"quality": quality, "lossless": quality == 100, "exact": True}
        case "tiff":
            return {"compression": "tiff_adobe_deflate"}
