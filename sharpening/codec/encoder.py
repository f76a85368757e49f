"""A picture to bytes: the only place that puts alpha, ICC profile and EXIF back."""

import io
from typing import Any

from PIL import Image as PillowImage

from sharpening.codec import jpeg, png, tiff
from sharpening.codec.failures import FAILURES
from sharpening.codec.image import FORMATS, Format, Image, Pixels, join
from sharpening.errors import CannotEncodeError, ParameterError

DEFAULT_QUALITY = 90

_MAX_SIDE_PX: dict[Format, int] = {"jpeg": 65_500, "webp": 16_383, "avif": 32_768}
"""What libjpeg, WebP's own header and libavif allow; the others hold any side that fits here."""

_MAX_JPEG_EXIF_BYTES = 65_533
_AVIF_SPEED = 9
_QUICK_WEBP_METHOD = 0
_BY_PILLOW = frozenset({"jpeg", "webp", "avif"})


def encode(
    image: Image,
    format_: Format | None = None,
    *,
    quality: int | None = None,
    quick: bool = False,
) -> bytes:
    """Return the picture as a file of `format_` (default: the one it came in).

    `quality`, 1 to 100, is for JPEG, WebP and AVIF (default 90; WebP at 100 is lossless); PNG and
    TIFF are always lossless, and so is alpha in all of them. `quick` spends bytes to save most of
    the time that WebP takes. Raises `CannotEncodeError` where the format cannot hold the picture
    and `ParameterError` for a quality outside its range.
    """
    target = format_ or image.format
    quality = DEFAULT_QUALITY if quality is None else quality
    if not 1 <= quality <= 100:
        raise ParameterError(f"quality is {quality}; expected 1 to 100")
    check_format(image, target)
    try:
        return _write(image, target, quality, quick)
    except FAILURES as error:
        height, width = image.pixels.shape[:2]
        raise CannotEncodeError(
            f"{target} cannot hold this picture of {width}x{height} px with its "
            f"metadata ({error}): ask for another format"
        ) from error


def check_format(image: Image, format_: Format) -> None:
    """Raise `CannotEncodeError` if `format_` cannot hold the picture; looks at no pixel's value."""
    height, width = image.pixels.shape[:2]
    if format_ not in FORMATS:
        raise CannotEncodeError(f"{format_} cannot be written here: ask for {', '.join(FORMATS)}")
    if format_ == "jpeg" and image.alpha is not None:
        raise CannotEncodeError("JPEG cannot hold transparency: ask for png, webp or tiff")
    if format_ == "jpeg" and len(image.exif or b"") > _MAX_JPEG_EXIF_BYTES:
        raise CannotEncodeError("EXIF data is too long for JPEG: ask for png, webp or tiff")
    if image.bit_depth == 16 and format_ in _BY_PILLOW:
        raise CannotEncodeError(f"{format_} cannot hold 16 bits per channel: ask for png or tiff")
    if max(height, width) > _MAX_SIDE_PX.get(format_, max(height, width)):
        raise CannotEncodeError(
            f"{format_} cannot hold {width}x{height} px, only {_MAX_SIDE_PX[format_]} px a side: "
            "ask for png or tiff"
        )


def _write(image: Image, target: Format, quality: int, quick: bool) -> bytes:
    channels = join(image)
    if target == "tiff":
        return tiff.write_channels(channels, icc_profile=image.icc_profile, exif=image.exif)
    if target == "png" and image.bit_depth == 16:
        return png.write_channels(channels, icc_profile=image.icc_profile, exif=image.exif)
    options = _choose_options(target, quality, image.greyscale)
    if target == "jpeg" and channels.ndim == 3 and not (image.exif or image.icc_profile):
        return jpeg.write_pixels(channels, **options)
    if quick and target == "webp":
        options["method"] = _QUICK_WEBP_METHOD
    if image.exif:
        options["exif"] = image.exif
    buffer = io.BytesIO()
    _to_picture(channels).save(
        buffer, format=target.upper(), icc_profile=image.icc_profile, **options
    )
    return buffer.getvalue()


def _to_picture(channels: Pixels) -> PillowImage.Image:
    if channels.ndim == 3 and channels.shape[2] == 2:
        return PillowImage.fromarray(channels, "LA")
    return PillowImage.fromarray(channels)


def _choose_options(target: Format, quality: int, greyscale: bool) -> dict[str, Any]:
    subsampling = "4:4:4" if quality >= 90 else "4:2:0"
    match target:
        case "jpeg":
            return {"quality": quality, "subsampling": subsampling}
        case "webp":
            return {"quality": quality, "lossless": quality == 100, "exact": True}
        case "avif":
            return {
                **{"quality": quality, "subsampling": "4:0:0" if greyscale else subsampling},
                **{"speed": _AVIF_SPEED, "max_threads": 1, "advanced": {"alpha:lossless": "1"}},
            }
        case _:
            return {"compress_level": png.COMPRESSION}
