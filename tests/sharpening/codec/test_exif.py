"""EXIF stays as it was, byte for byte, but for the orientation; damaged metadata are named."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage
from PIL import PngImagePlugin

from sharpening.codec import FORMATS, Format, Image, decode, encode
from sharpening.codec.directory import read_directory
from sharpening.codec.exif import detach_orientation
from sharpening.errors import BrokenImageError, CannotEncodeError

ToFile = Callable[..., bytes]

ORIENTATION, MAKE, EXIF_DIRECTORY, MAKERS_NOTE = 274, 271, 0x8769, 0x927C
PREFIX = b"Exif\0\0"
KEPT: tuple[Format, ...] = ("png", "jpeg", "webp", "avif")
"""The formats that hold EXIF as one piece; a TIFF's are its own tags."""


def directory(order: str, *entries: tuple[int, int, int, int], next_: int = 0) -> bytes:
    packed = b"".join(
        struct.pack(order + "HHI", *entry[:3]) + pack_value(order, entry[1], entry[3])
        for entry in entries
    )
    return struct.pack(order + "H", len(entries)) + packed + struct.pack(order + "I", next_)


def pack_value(order: str, type_: int, value: int) -> bytes:
    return struct.pack(
        order + ("HH" if type_ == 3 else "I"), *([value, 0] if type_ == 3 else [value])
    )


def exif_of_camera(order: str, orientation: int) -> bytes:
    """Return EXIF with a maker's note that holds positions, and a preview behind it all."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    main = 2 + 3 * 12 + 4
    details_at, note_at = 8 + main, 8 + main + 2 + 12 + 4
    preview_at = note_at + 20
    first = directory(
        order,
        (MAKE, 2, 4, int.from_bytes(b"Cam\0", "little" if order == "<" else "big")),
        (ORIENTATION, 3, 1, orientation),
        (EXIF_DIRECTORY, 4, 1, details_at),
        next_=preview_at,
    )
    details = directory(order, (MAKERS_NOTE, 7, 20, note_at))
    preview = directory(order, (0x0201, 4, 1, preview_at + 18)) + b"\xff\xd8preview\xff\xd9"
    return (
        PREFIX + mark + struct.pack(order + "I", 8) + first + details + bytes(range(20)) + preview
    )


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("target", KEPT)
@pytest.mark.parametrize("source", KEPT)
def test_all_but_the_orientation_keeps_its_bytes_and_its_place(
    source: Format, target: Format, order: str, to_file: ToFile
) -> None:
    exif = exif_of_camera(order, 1 if source == "avif" else 6)  # which Pillow would write anew
    picture = PillowImage.new("RGB", (20, 10))

    image = decode(to_file(picture, source, exif=exif if source != "avif" else exif[6:]))

    again = decode(encode(image, target)).exif
    assert again == image.exif
    assert again is not None
    if source == "avif":
        return
    assert image.pixels.shape == (20, 10, 3)
    assert len(again) == len(exif)
    end_of_main = len(PREFIX) + 8 + 2 + 3 * 12 + 4
    assert again[end_of_main:] == exif[end_of_main:]
    assert [entry.tag for entry in read_directory(again[6:]).entries] == [MAKE, EXIF_DIRECTORY]
    parsed = PillowImage.Exif()
    parsed.load(again)
    assert dict(parsed) == {MAKE: "Cam", EXIF_DIRECTORY: 8 + 2 + 3 * 12 + 4}
    assert parsed.get_ifd(EXIF_DIRECTORY)[MAKERS_NOTE] == bytes(range(20))


def test_exif_of_nothing_but_an_orientation_is_gone() -> None:
    exif = b"II*\0\x08\0\0\0" + directory("<", (ORIENTATION, 3, 1, 8))
    assert detach_orientation(exif) == (8, None)


def test_a_prefix_that_stands_twice_is_no_harm() -> None:
    exif = exif_of_camera("<", 3)
    assert detach_orientation(PREFIX + exif) == detach_orientation(exif)


def test_an_orientation_that_is_no_number_is_none() -> None:
    exif = b"II*\0\x08\0\0\0" + directory("<", (ORIENTATION, 2, 1, 0), (MAKE, 2, 1, 0))
    assert detach_orientation(exif)[0] == 1


@pytest.mark.parametrize("target", KEPT[:3])
def test_what_is_damaged_below_the_first_directory_stays_as_it_is(
    target: Format, to_file: ToFile
) -> None:
    exif = b"II*\0\x08\0\0\0" + directory("<", (ORIENTATION, 3, 1, 6), (EXIF_DIRECTORY, 4, 1, 9999))
    image = decode(to_file(PillowImage.new("RGB", (20, 10)), "png", exif=exif))
    assert image.pixels.shape == (20, 10, 3)
    assert decode(encode(image, target)).exif == image.exif
    with pytest.raises(CannotEncodeError, match="tiff cannot hold"):
        encode(image, "tiff")


@pytest.mark.parametrize(
    "exif",
    [
        b"rubbish",
        b"II*\0",
        b"II*\0\x08\0\0\0",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff",
        b"II*\0\x08\0\0\0" + directory("<", (ORIENTATION, 3, 1, 6))[:-1],
    ],
)
@pytest.mark.parametrize("format_", ["png", "jpeg", "webp"])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_exif_without_a_directory_is_a_named_error(
    format_: str, exif: bytes, to_file: ToFile
) -> None:
    data = to_file(PillowImage.new("RGB", (2, 2)), format_, exif=PREFIX + exif)
    with pytest.raises(BrokenImageError, match=r"EXIF data are damaged .* remove them"):
        decode(data)


def test_exif_that_old_software_wrote_as_text_is_read(to_file: ToFile) -> None:
    exif = exif_of_camera("<", 6)
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(exif):8}\n{exif.hex()}\n", zip=True)
    image = decode(to_file(PillowImage.new("RGB", (20, 10)), "png", pnginfo=text))
    assert image.pixels.shape == (20, 10, 3)
    assert image.exif == detach_orientation(exif)[1]


def test_text_that_is_no_exif_is_a_named_error(to_file: ToFile) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", "\nexif\n4\nnone\n")
    with pytest.raises(BrokenImageError, match="EXIF data are damaged"):
        decode(to_file(PillowImage.new("RGB", (2, 2)), "png", pnginfo=text))


def test_the_exif_of_a_big_tiff_is_plain_exif() -> None:
    buffer = io.BytesIO()
    tags: Any = [(MAKE, 2, 7, "Camera", True)]
    tifffile.imwrite(
        buffer, np.zeros((4, 4), np.uint8), bigtiff=True, metadata=None, extratags=tags
    )
    exif = decode(buffer.getvalue()).exif
    assert exif is not None
    assert exif[6:10] in (b"II*\0", b"MM\0*")
    parsed = PillowImage.Exif()
    parsed.load(exif)
    assert parsed[MAKE] == "Camera"


def test_directories_that_name_each_other_are_no_ring() -> None:
    ring = b"II*\0\x08\0\0\0" + directory("<", (EXIF_DIRECTORY, 4, 1, 8))
    image = Image(np.zeros((2, 2, 3), np.uint8), exif=PREFIX + ring)
    assert decode(encode(image, "tiff")).pixels.shape == (2, 2, 3)


@pytest.mark.parametrize("format_", FORMATS)
def test_a_profile_that_is_none_stays_as_it_is(format_: Format) -> None:
    image = Image(np.zeros((4, 4, 3), np.uint8), icc_profile=b"no profile")
    assert decode(encode(image, format_)).icc_profile == b"no profile"


def test_a_profile_that_cannot_be_unpacked_is_a_named_error(to_file: ToFile) -> None:
    data = bytearray(to_file(PillowImage.new("RGB", (2, 2)), "png", icc_profile=b"profile" * 9))
    place = data.index(b"ICC Profile\0\0") + 13
    length = int.from_bytes(data[place - 21 : place - 17])
    data[place : place + 4] = b"\0\0\0\0"

    chunk = bytes(data[place - 17 : place - 17 + 4 + length])
    data[place - 17 + 4 + length : place - 17 + 8 + length] = zlib.crc32(chunk).to_bytes(4)
    with pytest.raises(BrokenImageError, match="ICC profile is damaged"):
        decode(bytes(data))


def test_a_profile_of_which_a_piece_is_missing_is_a_named_error(to_file: ToFile) -> None:
    data = to_file(PillowImage.new("RGB", (2, 2)), "jpeg", icc_profile=bytes(70_000))
    start = data.index(b"ICC_PROFILE\0\1\2")
    missing = data[: start - 4] + data[start - 2 + int.from_bytes(data[start - 2 : start]) :]
    with pytest.raises(BrokenImageError, match="ICC profile is damaged"):
        decode(missing)
