"""One frame: from the bytes of a message to a picture, and back.

A raw frame is `RGB8`, width and height as little-endian 32-bit numbers, and the pixels row by row.
Never runs a network and knows no connection.
"""

import struct

import numpy as np

from service.streams.options import StreamFormat, StreamOptions
from sharpening.codec import Image, check_format, check_size, decode, encode, read_size
from sharpening.errors import BrokenImageError, CannotEncodeError

DEFAULT_QUALITY = 85
"""Below 90, from where on JPEG keeps colours at full size, which takes longer."""

_MAGIC = b"RGB8"
_HEADER = struct.Struct("<4sII")


def read_frame_size(data: bytes, *, max_pixels: int) -> tuple[int, int]:
    """Return width and height of a frame by its header alone.

    Raises as `codec.read_size` does, for raw frames too.
    """
    if not data.startswith(_MAGIC):
        return read_size(data, max_pixels=max_pixels)
    if len(data) < _HEADER.size:
        raise BrokenImageError(f"the raw frame's header is cut short: it has {_HEADER.size} bytes")
    _, width, height = _HEADER.unpack_from(data)
    check_size((width, height), max_pixels)
    expected = _HEADER.size + width * height * 3
    if not (width and height) or len(data) != expected:
        raise BrokenImageError(
            f"the raw frame has {len(data)} bytes; one of {width}x{height} px has {expected}, and "
            "at least one pixel"
        )
    return width, height


def open_frame(data: bytes, format_: StreamFormat, *, max_pixels: int) -> Image:
    """Return the picture of a frame that is to be answered in `format_`.

    Raises as `codec.decode` does, and `CannotEncodeError` if the format cannot hold it.
    """
    width, height = read_frame_size(data, max_pixels=max_pixels)
    if data.startswith(_MAGIC):
        pixels = np.frombuffer(data, np.uint8, offset=_HEADER.size).reshape(height, width, 3)
        image = Image(pixels)
    else:
        image = decode(data, max_pixels=max_pixels)
    if format_ != "raw":
        check_format(image, format_)
    elif image.alpha is not None or image.bit_depth != 8:
        raise CannotEncodeError(
            "a raw frame is of 8 bits per channel, without transparency: ask for webp, or send "
            "such frames"
        )
    return image


def encode_frame(image: Image, options: StreamOptions) -> bytes:
    """Return the picture's bytes in the format asked for; raw ones have no header."""
    if options.format == "raw":
        return image.pixels.tobytes()
    quality = options.quality or DEFAULT_QUALITY
    return encode(image, options.format, quality=quality, quick=True)
