"""AVIF: exact alpha, greyscale that stays so, and what Pillow would read with loss."""

import struct
from collections.abc import Callable

import imagecodecs
import numpy as np
import pytest
from PIL import Image as PillowImage

from sharpening.codec import FORMATS, Image, avif, decode, encode, read_size
from sharpening.codec.av1 import find_sizes
from sharpening.codec.avif import read_layout
from sharpening.codec.budget import Budget
from sharpening.errors import BrokenImageError, ImageTooLargeError, UnsupportedImageError

ToFile = Callable[..., bytes]

pytestmark = pytest.mark.skipif("avif" not in FORMATS, reason="this Pillow has no AVIF")


@pytest.mark.parametrize("quality", [1, 50, 90, 100])
def test_alpha_is_exact_whatever_the_quality(quality: int, photograph: np.ndarray) -> None:
    alpha = np.random.default_rng(0).integers(0, 256, (64, 80), np.uint8)
    pixels = photograph[:64, :80]
    again = decode(encode(Image(pixels, alpha), "avif", quality=quality))
    np.testing.assert_array_equal(again.alpha, alpha)
    assert np.abs(again.pixels.astype(int) - pixels).mean() < (20 if quality == 1 else 4)


def test_it_is_near_lossless_at_100(photograph: np.ndarray) -> None:
    again = decode(encode(Image(photograph[:64, :80]), "avif", quality=100))
    assert np.abs(again.pixels.astype(int) - photograph[:64, :80]).max() <= 3


@pytest.mark.parametrize("transparent", [False, True])
def test_greyscale_stays_greyscale(transparent: bool, photograph: np.ndarray) -> None:
    grey = np.repeat(photograph[:64, :80, :1], 3, axis=2)
    image = Image(grey, photograph[:64, :80, 1] if transparent else None, greyscale=True)
    again = decode(encode(image, "avif"))
    assert again.greyscale
    np.testing.assert_array_equal(again.pixels[..., 0], again.pixels[..., 2])
    assert np.abs(again.pixels.astype(int) - grey).max() < 20
    assert decode(encode(again, "png")).greyscale


def test_colour_is_not_taken_for_greyscale(photograph: np.ndarray) -> None:
    image = Image(photograph[:64, :80], photograph[:64, :80, 0])
    assert not decode(encode(image, "avif")).greyscale


@pytest.mark.parametrize("depth", [10, 12])
def test_more_than_8_bits_are_refused_by_name(depth: int) -> None:
    deep = np.zeros((16, 16, 3), np.uint16)
    data = imagecodecs.avif_encode(deep, level=90, bitspersample=depth, codec="aom")
    with pytest.raises(UnsupportedImageError, match="AVIF of more than 8 bits"):
        decode(data)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_the_turns_of_its_own_boxes_are_applied(quarters: int, to_file: ToFile) -> None:
    exif = PillowImage.Exif()
    exif[274] = {1: 8, 2: 3, 3: 6}[quarters]  # which Pillow writes as AVIF's own turn
    stored = np.zeros((8, 16, 3), np.uint8)
    stored[:4, :8] = 200
    data = to_file(PillowImage.fromarray(stored), "avif", exif=exif, quality=100)
    image = decode(data)
    assert np.abs(image.pixels.astype(int) - np.rot90(stored, quarters)).mean() < 8
    assert image.exif is None


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def sequence_header(width: int, height: int, *, length: int = 14) -> bytes:
    """Return a unit with the short header of a still picture, its sides in `length` bits."""
    bits = f"{0b00011:05b}{0:05b}{length - 1:04b}{length - 1:04b}"
    bits += f"{width - 1:0{length}b}{height - 1:0{length}b}"
    bits += "0" * (-len(bits) % 8)
    payload = int(bits, 2).to_bytes(len(bits) // 8)
    return bytes([0b0_0001_010, len(payload)]) + payload


def avif_of(item: bytes, version: int, *, in_idat: bool = False, pieces: int = 1) -> bytes:
    """Return an AVIF of one item, all of whose boxes but those of its place are missing."""
    brand = box(b"ftyp", b"avif" + bytes(4))
    entry = box(b"infe", bytes([2, 0, 0, 0]) + struct.pack(">HH", 1, 0) + b"av01\0")
    entries = box(b"iinf", bytes(4) + struct.pack(">H", 1) + entry)

    def meta(start: int) -> bytes:
        number = ">I" if version == 2 else ">H"
        place = bytes([version, 0, 0, 0, 0x44, 0x00]) + struct.pack(number, 1)
        place += struct.pack(number, 1) + (struct.pack(">H", int(in_idat)) if version else b"")
        size = len(item) // pieces
        sizes = [size] * (pieces - 1) + [len(item) - size * (pieces - 1)]
        place += struct.pack(">HH", 0, pieces)
        place += b"".join(
            struct.pack(">II", start + size * index, length) for index, length in enumerate(sizes)
        )
        data = box(b"idat", item) if in_idat else b""
        return box(b"meta", bytes(4) + entries + box(b"iloc", place) + data)

    start = 0 if in_idat else len(brand) + len(meta(0)) + 8
    return brand + meta(start) + (b"" if in_idat else box(b"mdat", item))


@pytest.mark.parametrize(
    ("version", "in_idat", "pieces"), [(0, False, 1), (1, False, 3), (1, True, 1), (2, True, 2)]
)
def test_the_size_of_the_coded_picture_counts(version: int, in_idat: bool, pieces: int) -> None:
    data = avif_of(sequence_header(9000, 8000), version, in_idat=in_idat, pieces=pieces)
    assert read_layout(data).sizes == [(9000, 8192)]
    with pytest.raises(ImageTooLargeError, match="9000x8192"):
        decode(data)


def test_a_coded_picture_that_is_larger_than_declared_is_refused(
    to_file: ToFile, photograph: np.ndarray
) -> None:
    data = bytearray(to_file(PillowImage.fromarray(photograph[:100, :200]), "avif"))
    assert read_layout(bytes(data)).sizes == [(200, 100), (200, 100)]
    place = data.index(b"ispe") + 8
    data[place : place + 8] = struct.pack(">II", 10, 10)
    with pytest.raises(ImageTooLargeError, match="200x100"):
        decode(bytes(data), max_pixels=200 * 100 - 1)


def test_the_long_header_of_a_film_is_read_too(photograph: np.ndarray, to_file: ToFile) -> None:
    frames = [PillowImage.fromarray(photograph[:70, at : at + 90]) for at in (0, 9)]
    data = to_file(frames[0], "avif", save_all=True, append_images=frames[1:])
    assert set(read_layout(data).sizes) == {(90, 70)}


def test_bits_that_could_name_a_larger_frame_count_by_half() -> None:
    assert find_sizes(sequence_header(10, 10, length=16), Budget(1)) == [(32768, 32768)]
    assert find_sizes(sequence_header(32769, 65536, length=16), Budget(1)) == [(32769, 65536)]


@pytest.mark.parametrize(
    "data",
    [
        avif_of(b"\x12\0" * 9000, 0),
        avif_of(bytes(9000), 1, pieces=9000),
        avif_of(sequence_header(9, 9), 0).replace(struct.pack(">HH", 0, 1), b"\0\0\xff\xff"),
        box(b"ftyp", b"avif" + bytes(4)) + box(b"free", b"") * 9000,
        box(b"ftyp", b"avif" + bytes(4)) + struct.pack(">I", 4) + b"meta",
    ],
    ids=["units", "pieces", "more pieces than bytes", "boxes", "a box in itself"],
)
def test_boxes_that_cannot_be_are_a_named_error(data: bytes) -> None:
    with pytest.raises(BrokenImageError):
        decode(data)


def declare_in_vain(*, items: int, pieces: int) -> bytes:
    """Return an AVIF that places many items, each in many pieces behind its end, and lists none."""
    behind = 2**32 - 1
    places = b"".join(struct.pack(">HHIH", number, 0, behind, pieces) for number in range(items))
    place = box(b"iloc", bytes(4) + struct.pack(">HH", 0x0040, items) + places)
    return box(b"ftyp", b"avif" + bytes(4)) + box(b"meta", bytes(4) + place)


def count_reads(data: bytes, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many numbers are read of a file that is no picture."""
    reads = 0
    read = avif._Reader.skip

    def count(reader: avif._Reader, size: int) -> None:
        nonlocal reads
        reads += 1
        read(reader, size)

    monkeypatch.setattr(avif._Reader, "skip", count)
    with pytest.raises(BrokenImageError):
        read_size(data)
    return reads


def test_pieces_of_what_is_no_picture_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = declare_in_vain(items=1000, pieces=1000)
    assert count_reads(data, monkeypatch) < 10_000


def test_pieces_of_all_pictures_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = b"".join(
        box(b"infe", bytes([2, 0, 0, 0]) + struct.pack(">HH", number, 0) + b"av01\0")
        for number in range(1000)
    )
    listed = box(b"iinf", bytes(4) + struct.pack(">H", 1000) + entries)
    data = declare_in_vain(items=1000, pieces=1000)
    start = data.index(b"meta")
    meta = box(b"meta", bytes(4) + listed + data[start + 8 :])
    assert count_reads(data[: start - 4] + meta, monkeypatch) < 40_000


def test_sizes_and_kinds_outside_their_box_are_not_looked_for(
    to_file: ToFile, photograph: np.ndarray
) -> None:
    data = to_file(PillowImage.fromarray(photograph[:64, :80]), "avif")
    fakes = box(b"ispe", struct.pack(">III", 0, 60_000, 60_000)) * 10_000
    layout = read_layout(data + box(b"free", fakes))
    assert layout == read_layout(data)
    assert set(layout.sizes) == {(80, 64)}


def test_properties_that_no_picture_has_so_many_of_are_refused() -> None:
    sizes = box(b"ispe", struct.pack(">III", 0, 1, 1)) * 9000
    properties = box(b"iprp", box(b"ipco", sizes))
    data = box(b"ftyp", b"avif" + bytes(4)) + box(b"meta", bytes(4) + properties)
    with pytest.raises(BrokenImageError, match="more than 8000 parts"):
        read_size(data)
