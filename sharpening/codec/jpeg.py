"""A JPEG by libjpeg-turbo alone: the same as by Pillow, in half the time.

Pillow hands the bytes over in pieces and copies the pixels twice. It knows what is cut short,
though, and libjpeg-turbo only warns: only one scan with the end right behind it is taken here.
"""

import re

import imagecodecs
import numpy as np
from PIL import Image as PillowImage

from sharpening.codec.image import Pixels

_SCAN, _END = 0xDA, 0xD9
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""Within a scan: neither a byte of it that is 0xff, nor a restart, nor a filling byte."""

_MOST_SEGMENTS = 500


def is_plain(data: bytes, header: PillowImage.Image) -> bool:
    """Whether these are the bytes of one whole picture of three colours."""
    if header.format != "JPEG" or header.mode != "RGB":
        return False
    scan = _find_scan(data)
    marker = None if scan is None else _MARKER.search(data, scan)
    return marker is not None and marker.end() == len(data) and data[-1] == _END


def read_pixels(data: bytes, size: tuple[int, int]) -> Pixels:
    """Return the pixels, `(H, W, 3)` uint8 RGB, of a picture of that width and height.

    Raises a RuntimeError or ValueError for damaged bytes, or a picture of another size.
    """
    width, height = size
    pixels: Pixels = imagecodecs.jpeg8_decode(data, out=np.empty((height, width, 3), np.uint8))
    return pixels


def _find_scan(data: bytes) -> int | None:
    """Return where the first scan's own bytes begin, or nothing if that is not plain to see."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if at + 4 > len(data) or data[at] != 0xFF:
            return None
        marker = data[at + 1]
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
        if marker == _SCAN:
            return at
    return None


def write_pixels(pixels: Pixels, *, quality: int, subsampling: str) -> bytes:
    """Return the file of `(H, W, 3)` uint8 RGB without metadata, as Pillow writes it to the bit."""
    plain = np.ascontiguousarray(pixels)
    return bytes(
        imagecodecs.jpeg8_encode(plain, level=quality, subsampling=subsampling.replace(":", ""))
    )
