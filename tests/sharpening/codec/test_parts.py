"""Files of very many parts, told by a count before Pillow walks them; and the sizes on the way."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image as PillowImage

from sharpening.codec import decode, read_size
from sharpening.codec.parts import MEASURED, measure
from sharpening.errors import BrokenImageError

ToFile = Callable[..., bytes]

JPEG_START, COMMENT, ALONE = b"\xff\xd8", b"\xff\xfe\0\2", b"\xff\xd0"


def chunk(name: bytes, content: bytes = b"") -> bytes:
    checked = name + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def split_png(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what stands before the pixels, the pixels, and what ends the file."""
    pixels = data.index(b"IDAT") - 4
    return data[:pixels], data[pixels:-12], data[-12:]


def add_parts(data: bytes, count: int, part: bytes) -> bytes:
    """Return the file with so many parts more, before the pixels where they can stand there."""
    if data.startswith(JPEG_START):
        behind = 4 + int.from_bytes(data[4:6])  # JFIF's own, which stands first
        return data[:behind] + part * count + data[behind:]
    if data.startswith(b"RIFF"):
        body = data[8:] + part * count
        return b"RIFF" + struct.pack("<I", len(body)) + body
    header, pixels, end = split_png(data)
    return header + part * count + pixels + end


CASES = {
    "png chunks": ("png", chunk(b"prIv")),
    "jpeg comments": ("jpeg", COMMENT),
    "jpeg segments": ("jpeg", b"\xff\xe5\0\2"),
    "jpeg markers that stand alone": ("jpeg", ALONE),
    "jpeg stray bytes": ("jpeg", b"\0"),
    "jpeg fill bytes": ("jpeg", b"\xff"),
    "webp chunks": ("webp", b"prIv" + bytes(4)),
}


@pytest.fixture
def picture() -> PillowImage.Image:
    """A picture that is wider than high."""
    return PillowImage.effect_noise((20, 10), 50).convert("RGB")


@pytest.mark.parametrize("case", CASES)
def test_more_parts_than_a_picture_has_are_refused_before_pillow_sees_them(
    case: str, picture: PillowImage.Image, to_file: ToFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    format_, part = CASES[case]
    data = add_parts(to_file(picture, format_), 1001, part)

    def refuse_to_open(*_: Any, **__: Any) -> None:
        raise AssertionError("Pillow was asked")

    monkeypatch.setattr(PillowImage, "open", refuse_to_open)
    for read in (read_size, decode):
        with pytest.raises(BrokenImageError, match="more than 1000 parts; save the picture anew"):
            read(data)


@pytest.mark.parametrize("case", CASES)
def test_some_hundreds_of_parts_are_read(
    case: str, picture: PillowImage.Image, to_file: ToFile
) -> None:
    format_, part = CASES[case]
    plain = to_file(picture, format_)
    data = add_parts(plain, 500, part)
    assert read_size(data) == (20, 10)
    assert (decode(data).pixels == decode(plain).pixels).all()


def test_chunks_behind_the_pixels_are_counted_too(
    picture: PillowImage.Image, to_file: ToFile
) -> None:
    header, pixels, end = split_png(to_file(picture, "png"))
    with pytest.raises(BrokenImageError, match="more than 1000 parts"):
        decode(header + pixels + chunk(b"prIv") * 1001 + end)


def test_a_large_png_may_have_thousands_of_chunks_of_pixels(to_file: ToFile) -> None:
    picture = PillowImage.effect_noise((2000, 2000), 50)
    header, pixels, end = split_png(to_file(picture, "png", compress_level=1))
    packed = b"".join(pixels[at + 8 : at + 8 + size] for at, size in iterate_chunks(pixels))
    many = [chunk(b"IDAT", packed[at : at + 1200]) for at in range(0, len(packed), 1200)]
    assert len(many) > 2000
    assert decode(header + b"".join(many) + end).pixels.shape == (2000, 2000, 3)
    with pytest.raises(BrokenImageError, match="parts"):
        decode(header + chunk(b"IDAT") * 10_000 + end)


def iterate_chunks(data: bytes) -> list[tuple[int, int]]:
    """Return where each chunk begins, and the bytes that it holds."""
    chunks, position = [], 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4])
        chunks.append((position, size))
        position += 12 + size
    return chunks


def test_scans_and_what_they_hold_are_not_counted(to_file: ToFile) -> None:
    noise = PillowImage.effect_noise((600, 600), 100).convert("RGB")
    data = to_file(noise, "jpeg", progressive=True, quality=95, restart_marker_blocks=1)
    assert data.count(b"\xff\xd0") > 500
    assert decode(data).pixels.shape == (600, 600, 3)


def test_the_size_is_the_one_that_pillow_sees(sources: dict[str, bytes]) -> None:
    for name, data in sources.items():
        format_ = name.split()[0]
        if format_ in MEASURED:
            source = PillowImage.open(io.BytesIO(data))
            assert measure(data, format_) == source.size, name  # type: ignore[arg-type]


def test_a_second_header_that_says_otherwise_is_refused(
    picture: PillowImage.Image, to_file: ToFile
) -> None:
    header, pixels, end = split_png(to_file(picture, "png"))
    larger = chunk(b"IHDR", struct.pack(">IIBBBBB", 4000, 4000, 8, 2, 0, 0, 0))
    with pytest.raises(BrokenImageError, match="two sizes"):
        decode(header + larger + pixels + end)


@pytest.mark.parametrize("format_", ["png", "jpeg"])
def test_a_side_of_no_pixels_is_a_named_error(
    format_: str, picture: PillowImage.Image, to_file: ToFile
) -> None:
    data = to_file(picture, format_)
    old = struct.pack(">II", 20, 10) if format_ == "png" else struct.pack(">HH", 10, 20)
    with pytest.raises(BrokenImageError, match="0x0 px"):
        read_size(data.replace(old, bytes(len(old)), 1))
