"""Small files that declare huge pictures: refused from their header, without memory for them."""

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from sharpening.codec import decode
from sharpening.errors import BrokenImageError, ImageTooLargeError

ToFile = Callable[..., bytes]

KINDS = ("png", "png 16", "jpeg", "webp", "webp extended", "tiff", "tiff 16", "tiff tiles", "avif")


def png(side: int, depth: int, rows: bytes = b"") -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        checked = name + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", side, side, depth, 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def tiff(side: int, dtype: Any, **options: Any) -> bytes:
    """Return a TIFF of 16x16 px that says of itself that it is larger."""
    buffer = io.BytesIO()
    pixels = np.zeros((16, 16, 3), dtype)
    tifffile.imwrite(
        buffer, pixels, photometric="rgb", metadata=None, compression="zlib", **options
    )
    data = bytearray(buffer.getvalue())
    for tag in (256, 257):
        place = data.index(struct.pack("<HHI", tag, 4, 1))
        data[place + 8 : place + 12] = struct.pack("<I", side)
    return bytes(data)


@pytest.fixture(scope="session")
def declare(to_file: ToFile) -> Callable[[str, int], bytes]:
    """Return a file of a few bytes whose header declares a square of that side."""

    def make(kind: str, side: int) -> bytes:
        match kind:
            case "png":
                return png(side, 8)
            case "png 16":
                return png(side, 16)
            case "tiff":
                return tiff(side, np.uint8)
            case "tiff 16":
                return tiff(side, np.uint16)
            case "tiff tiles":
                return tiff(side, np.uint16, tile=(16, 16))
        small = PillowImage.new("RGB", (8, 8))
        data = bytearray(to_file(small, kind.split()[0], lossless=True))
        if kind == "jpeg":
            start_of_frame = data.index(b"\xff\xc0")
            data[start_of_frame + 5 : start_of_frame + 9] = struct.pack(">HH", side, side)
        elif kind == "avif":
            place = data.index(b"ispe") + 8
            data[place : place + 8] = struct.pack(">II", side, side)
        else:
            data[21:25] = struct.pack("<I", (side - 1) | (side - 1) << 14)
        if kind != "webp extended":
            return bytes(data)
        canvas = bytes(4) + 2 * (side - 1).to_bytes(3, "little")
        body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas + bytes(data[12:])
        return b"RIFF" + struct.pack("<I", len(body)) + body

    return make


@pytest.mark.parametrize("side", [9_000, 12_000, 16_000])
@pytest.mark.parametrize("kind", KINDS)
def test_a_tiny_file_that_declares_a_huge_picture_is_too_large(
    kind: str, side: int, declare: Callable[[str, int], bytes]
) -> None:
    with pytest.raises(ImageTooLargeError, match=f"{side}x{side}") as caught:
        decode(declare(kind, side))
    assert caught.value.limit_megapixels == 64


@pytest.mark.parametrize("depth", [8, 16])
def test_pixels_behind_the_last_are_not_unpacked(depth: int) -> None:
    rows = bytes((1 + 3 * depth // 8) * 100) + bytes(50_000_000)
    data = png(1, depth, rows)
    assert len(data) < 60_000
    try:
        assert decode(data).pixels.tolist() == [[[0, 0, 0]]]
    except BrokenImageError:
        return


def test_huge_pictures_take_no_memory(declare: Callable[[str, int], bytes]) -> None:
    declared = [declare(kind, 13_000) for kind in KINDS]
    long_rows = png(1, 16, bytes(80_000_000))
    tiles = bytearray(tiff(16, np.uint16, tile=(16, 16)))
    for tag in (322, 323):
        place = tiles.index(struct.pack("<HHI", tag, 4, 1))
        tiles[place : place + 12] = struct.pack("<HHII", tag, 4, 1, 32_768)
    program = (
        "import resource, warnings\n"
        "from sharpening.codec import decode\n"
        "from sharpening.errors import ImageError\n"
        "warnings.simplefilter('ignore')\n"
        "def peak_mib(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        f"files = {[*declared, long_rows, bytes(tiles)]!r}\n"
        "before = peak_mib()\n"
        "for data in files:\n"
        "    try: decode(data)\n"
        "    except ImageError: continue\n"
        "print(peak_mib() - before)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert int(ended.stdout) < 24  # a decoded one would take 507
