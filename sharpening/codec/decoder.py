"""Bytes to a picture: the right library asked, and its failures named."""

from dataclasses import replace
from typing import Any

from PIL import Image as PillowImage

from sharpening.codec import avif, jpeg, png, tiff
from sharpening.codec.colour import ink_to_srgb, separate_picture
from sharpening.codec.exif import detach_orientation, exif_of_tiff, read_orientation
from sharpening.codec.failures import FAILURES
from sharpening.codec.header import check_size, open_picture, raise_frames, recognise
from sharpening.codec.image import Format, Image, separate
from sharpening.codec.parts import MEASURED, measure
from sharpening.errors import BrokenImageError, UnsupportedImageError

MAX_PIXELS = 64_000_000


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Return the picture in `data`: PNG, JPEG, WebP, TIFF or AVIF, of one frame.

    Of a phone's JPEG with a gain map or a depth map behind it (MPO), it is the photograph.

    Raises `UnsupportedImageError` for any other format, for animations and for samples that do not
    fit, `ImageTooLargeError` before decoding more than `max_pixels`, and `BrokenImageError` for
    bytes that are damaged or cut short, of the picture or of its metadata.
    """
    format_ = recognise(data)
    try:
        if format_ == "tiff":
            return _decode_tiff(data, max_pixels)
        if format_ == "avif":
            _check_avif(data, max_pixels)
        return _decode_by_pillow(data, format_, max_pixels)
    except FAILURES as error:
        raise BrokenImageError(
            f"the {format_.upper()} picture is damaged or incomplete ({error}): send it again"
        ) from error


def read_size(data: bytes, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return width and height of the picture in `data` as it lies there, by its header alone.

    Cheap whatever the bytes are: no pixel is decoded, and parts are counted. What lies behind the
    size may still be damaged, or a second frame. Raises as `decode` does for what is found on the
    way to it.
    """
    format_ = recognise(data)
    try:
        if format_ == "tiff":
            return tiff.read_size(tiff.read_tags(data, max_pixels))
        if format_ == "avif":
            _check_avif(data, max_pixels)
        if format_ not in MEASURED:
            return open_picture(data, format_, max_pixels).size
        size = measure(data, format_)
        check_size(size, max_pixels)
        return size
    except FAILURES as error:
        raise BrokenImageError(
            f"the {format_.upper()} picture's header is damaged ({error}): send it again"
        ) from error


def _decode_tiff(data: bytes, max_pixels: int) -> Image:
    tags = tiff.read_tags(data, max_pixels)
    icc_profile, exif = tags.read_bytes(tiff.ICC_PROFILE), exif_of_tiff(tags)
    if tiff.is_deep(tags):
        stored = Image(*separate(tiff.read_deep_channels(tags)), "tiff", icc_profile, exif)
        return stored.turned(read_orientation(tags))
    source = open_picture(data, "tiff", max_pixels)
    source.load()  # which turns a TIFF upright, unlike all others
    return _take_apart(source, "tiff", icc_profile, exif)


def _decode_by_pillow(data: bytes, format_: Format, max_pixels: int) -> Image:
    source = open_picture(data, format_, max_pixels)
    if jpeg.is_plain(data, source):
        return _read_jpeg(data, source)
    is_lossy = format_ == "png" and png.is_lossy_in_pillow(source)
    source.load()
    icc_profile = _read_icc_profile(source.info)
    orientation, exif = _read_exif(source.info)
    if is_lossy:
        del source  # and with it what Pillow made of the pixels
        stored = Image(*separate(png.read_channels(data)), format_, icc_profile, exif)
    else:
        stored = _take_apart(source, format_, icc_profile, exif)
    if (
        format_ == "avif" and avif.read_layout(data).is_greyscale
    ):  # which Pillow tells of opaque ones only
        stored = replace(stored, greyscale=True)
    return stored.turned(orientation)


def _read_jpeg(data: bytes, header: PillowImage.Image) -> Image:
    icc_profile = _read_icc_profile(header.info)
    orientation, exif = _read_exif(header.info)
    pixels = jpeg.read_pixels(data, header.size)
    return Image(pixels, format="jpeg", icc_profile=icc_profile, exif=exif).turned(orientation)


def _take_apart(
    source: PillowImage.Image, format_: Format, icc_profile: bytes | None, exif: bytes | None
) -> Image:
    if source.mode == "CMYK":
        return Image(ink_to_srgb(source, icc_profile), format=format_, exif=exif)
    return Image(*separate_picture(source), format_, icc_profile, exif)


def _check_avif(data: bytes, max_pixels: int) -> None:
    layout = avif.read_layout(data)
    if layout.is_film:
        raise_frames("avif")
    for size in layout.sizes:
        check_size(size, max_pixels)
    if layout.is_deep:
        raise UnsupportedImageError(
            "AVIF of more than 8 bits per channel would not survive: send it as 8-bit AVIF, or as "
            "PNG or TIFF of 16 bits"
        )


def _read_icc_profile(info: dict[Any, Any]) -> bytes | None:
    """Return the profile as it stands; Pillow says None of one that it could not put together."""
    profile: bytes | None = info.get("icc_profile")
    if profile is None and "icc_profile" in info:
        raise BrokenImageError(
            "the picture's ICC profile is damaged: remove it and send the picture again"
        )
    return profile


def _read_exif(info: dict[Any, Any]) -> tuple[int, bytes | None]:
    """Return the orientation and the EXIF without it."""
    try:
        exif = info.get("exif") or png.read_text_exif(info)
        return detach_orientation(exif) if exif else (1, None)
    except ValueError as error:
        raise BrokenImageError(
            f"the picture's EXIF data are damaged ({error}): remove them and send the picture again"
        ) from error
