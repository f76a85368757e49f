"""The size of a PNG, JPEG or WebP from the parts that it is made of, which are counted.

Pillow takes some microseconds and some bytes for each part, however small, and a file can have
millions. So these are walked here first, by numbers alone and as Pillow walks them, and never more
of them than a picture has. Reads no part but the one with the size.
"""

from collections.abc import Callable

from PIL import JpegImagePlugin, PngImagePlugin

from sharpening.codec.budget import Budget
from sharpening.codec.image import Format

_MOST = 1000
"""Segments, chunks and stray bytes: extended XMP and ICC profiles come in hundreds at the most."""
_PIXEL_BYTES = 1024
"""PNG may have one chunk of pixels more for each so many bytes of the file: libpng writes 8 KB."""


def measure(data: bytes, format_: Format) -> tuple[int, int]:
    """Return width and height of a picture in one of the formats of `MEASURED`.

    Raises `BrokenImageError` for more parts than a picture has, `ValueError` or `IndexError` where
    no size can be read.
    """
    width, height = MEASURED[format_](data)
    if not width * height:
        raise ValueError(f"{width}x{height} px")
    return width, height


def _measure_png(data: bytes) -> tuple[int, int]:
    others, pixels = Budget(_MOST), Budget(_MOST + len(data) // _PIXEL_BYTES)
    if data[12:16] != b"IHDR":
        raise ValueError("the first chunk is no IHDR")
    position = 8
    while PngImagePlugin.is_cid(name := data[position + 4 : position + 8]) and name != b"IEND":
        (pixels if name == b"IDAT" else others).spend()
        position += 12 + int.from_bytes(data[position : position + 4])
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


def _measure_jpeg(data: bytes) -> tuple[int, int]:
    """Read on to the first scan: of several frame headers the last one counts, as for Pillow."""
    budget, position, size = Budget(_MOST), 2, (0, 0)
    while (marker := data.find(b"\xff", position)) >= 0:
        budget.spend(marker - position + 1)
        position = marker + 2
        code = int.from_bytes(data[marker:position])
        if code == 0xFFFF:
            position = marker + 1
        if code not in JpegImagePlugin.MARKER:
            continue
        _, _, handler = JpegImagePlugin.MARKER[code]
        if handler is None:  # it stands alone
            continue
        if handler is JpegImagePlugin.SOF:
            height, width = (int.from_bytes(data[at : at + 2]) for at in (marker + 5, marker + 7))
            size = width, height
        if code == _START_OF_SCAN:
            return size
        position += max(2, int.from_bytes(data[position : position + 2]))
    budget.spend(max(0, len(data) - position))
    return size


_START_OF_SCAN = 0xFFDA


def _measure_webp(data: bytes) -> tuple[int, int]:
    """Read the header of any of its three kinds: RFC 9649, sections 2.5 to 2.7."""
    budget, position = Budget(_MOST), 12
    stop = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while position < stop:
        budget.spend()
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        position += 8 + size + size % 2
    if data[12:16] == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    return width, height


MEASURED: dict[Format, Callable[[bytes], tuple[int, int]]] = {
    "png": _measure_png,
    "jpeg": _measure_jpeg,
    "webp": _measure_webp,
}
