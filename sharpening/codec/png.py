"""PNG where Pillow loses something without a word: 16 bits, and transparent grey of few bits.

libpng does it, by imagecodecs; metadata are Pillow's on the way in and put in here on the way out.
"""

import struct
import zlib
from typing import Any

import imagecodecs
from PIL import ImageFile

from sharpening.codec.image import Pixels

COMPRESSION = 4
_SIGNATURE_AND_HEADER = 8 + 25
"""Bytes in front of which no other chunk may stand."""


def is_lossy_in_pillow(source: ImageFile.ImageFile) -> bool:
    """Tell whether Pillow would read less than the picture holds."""
    rawmode = str(source.tile[0].args) if source.tile else ""
    return (
        source.mode == "I;16"
        or ";16" in rawmode
        or ("transparency" in source.info and rawmode in {"L;2", "L;4"})
    )


def read_channels(data: bytes) -> Pixels:
    """Return the picture's channels, `(H, W)` or `(H, W, 2 to 4)`, with its own depth.

    A transparent colour has become alpha. Raises `RuntimeError` for damaged bytes.
    """
    channels: Pixels = imagecodecs.png_decode(data)
    return channels


def write_channels(channels: Pixels, *, icc_profile: bytes | None, exif: bytes | None) -> bytes:
    """Return a PNG file of these channels, with their own depth."""
    # of a side of one pixel NumPy may have any stride, and imagecodecs takes the plain one only
    plain = channels.ravel().reshape(channels.shape)
    data = bytes(imagecodecs.png_encode(plain, level=COMPRESSION))
    metadata = b""
    if icc_profile is not None:
        metadata += _chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc_profile))
    if exif is not None:
        metadata += _chunk(b"eXIf", exif.removeprefix(b"Exif\0\0"))
    return data[:_SIGNATURE_AND_HEADER] + metadata + data[_SIGNATURE_AND_HEADER:]


def read_text_exif(info: dict[str, Any]) -> bytes | None:
    """Return the EXIF that older software wrote as text, in hexadecimal digits; nothing if none.

    Raises `ValueError` where they are no digits.
    """
    text = info.get("Raw profile type exif")
    return None if text is None else bytes.fromhex("".join(str(text).split("\n")[3:]))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
