"""What bytes say of themselves before any pixel is decoded: format, size, number of frames.

Formats are told by their signatures alone, from the list of those that are handled.
"""

import io
import re

from PIL import Image as PillowImage
from PIL import ImageFile, UnidentifiedImageError

from sharpening.codec.failures import BOMBS, FAILURES
from sharpening.codec.image import FORMATS, Format
from sharpening.codec.parts import MEASURED, measure
from sharpening.errors import (
    BrokenImageError,
    ImageTooLargeError,
    UnknownFormatError,
    UnsupportedImageError,
)

_SIGNATURES: dict[Format, re.Pattern[bytes]] = {
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "jpeg": re.compile(rb"\xff\xd8\xff"),
    "webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "tiff": re.compile(rb"II\*\0|MM\0\*|II\+\0"),
    # of a HEIF file its first brand, or one of the next few, says that AV1 is in it
    "avif": re.compile(rb".{4}ftyp(?:avi[fs]|(?:mif1|msf1).{4}(?:.{4}){0,8}?avi[fs])", re.DOTALL),
}


def recognise(data: bytes) -> Format:
    """Return the format whose signature the data begin with.

    Raises `UnknownFormatError` if there is none.
    """
    for format_ in FORMATS:
        if _SIGNATURES[format_].match(data):
            return format_
    raise UnknownFormatError(
        f"not a picture in one of the formats {', '.join(FORMATS)}: convert it to one of them"
    )


def open_picture(data: bytes, format_: Format, max_pixels: int) -> ImageFile.ImageFile:
    """Return Pillow's picture of `data`, not decoded yet.

    Raises `BrokenImageError` for a damaged header, `ImageTooLargeError` for more than `max_pixels`
    and `UnsupportedImageError` for more than one frame; what else is damaged raises `FAILURES`.
    """
    measured = measure(data, format_) if format_ in MEASURED else None
    if measured:
        check_size(measured, max_pixels)
    try:
        source = PillowImage.open(io.BytesIO(data), formats=[format_.upper()])
    except UnidentifiedImageError as error:
        raise BrokenImageError("the picture's header is damaged: send it again") from error
    except BOMBS as error:
        limit = min(max_pixels, 2 * (PillowImage.MAX_IMAGE_PIXELS or max_pixels))
        factory, _ = PillowImage.OPEN[format_.upper()]
        size = measured or factory(io.BytesIO(data), b"").size
        raise _too_large(size, limit) from error
    except FAILURES as error:
        raise BrokenImageError(
            f"the picture's header is damaged ({error}): send it again"
        ) from error
    check_size(source.size, max_pixels)
    if measured and measured != source.size:
        raise BrokenImageError("the picture's header names two sizes: save the picture anew")
    # a phone's JPEG with a gain map or a depth map behind it is the photograph
    if source.format != "MPO" and getattr(source, "is_animated", False):
        raise_frames(format_)
    return source


def check_size(size: tuple[int, int], max_pixels: int) -> None:
    """Raise `ImageTooLargeError` for a picture of more than `max_pixels`."""
    if size[0] * size[1] > max_pixels:
        raise _too_large(size, max_pixels)


def raise_frames(format_: Format) -> None:
    """Raise `UnsupportedImageError` for a picture of several frames."""
    raise UnsupportedImageError(
        f"the {format_.upper()} picture has more than one frame; send one frame at a time"
    )


def _too_large(size: tuple[int, int], max_pixels: int) -> ImageTooLargeError:
    return ImageTooLargeError(width=size[0], height=size[1], max_pixels=max_pixels)
