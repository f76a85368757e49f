"""16 bits in, the same 16 bits out, as tifffile and libpng see them; and what else Pillow loses."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image as PillowImage

from sharpening.codec import Format, Image, decode, encode
from sharpening.errors import (
    BrokenImageError,
    CannotEncodeError,
    ImageTooLargeError,
    UnsupportedImageError,
)

Pixels = npt.NDArray[Any]

FORMATS: list[Format] = ["png", "tiff"]
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
         (1, 0, 2, 1))  # fmt: skip
"""Of each pass of an interlaced PNG: first row and column, steps of rows and columns."""

MAKE, ORIENTATION, TAKEN_AT, EXIF_DIRECTORY = 271, 274, 0x9003, 0x8769


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(channels: Pixels, *before_pixels: bytes, interlaced: bool = False) -> bytes:
    """Write a PNG, unfiltered, by the letter of the standard."""
    height, width, count = channels.shape
    big_endian = channels.astype(channels.dtype.newbyteorder(">"))
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    parts = [big_endian[top::down, left::right] for top, left, down, right in passes]
    rows = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[count]
    header = (width, height, channels.dtype.itemsize * 8, colour, 0, 0, int(interlaced))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", *header))
        + b"".join(before_pixels)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def tiff_of(channels: Pixels, **options: Any) -> bytes:
    count = channels.shape[2]
    chosen: dict[str, Any] = {
        "photometric": "minisblack" if count <= 2 else "rgb",
        "extrasamples": ["unassalpha"] if count in {2, 4} else [],
        "planarconfig": "contig" if count > 1 else None,
        "metadata": None,
        **options,
    }
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, channels[..., 0] if count == 1 else channels, **chosen)
    return buffer.getvalue()


WRITE: dict[str, Callable[[Pixels], bytes]] = {"png": png_of, "tiff": tiff_of}
READ: dict[str, Callable[[bytes], Pixels]] = {
    "png": imagecodecs.png_decode,
    "tiff": lambda data: tifffile.imread(io.BytesIO(data)),
}


@pytest.fixture(scope="module")
def channels() -> Pixels:
    """Four channels of 21x17 values, most of which differ from others in their low byte alone."""
    return np.random.default_rng(0).integers(0, 65536, (17, 21, 4), np.uint16)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_every_bit_of_grey_colour_and_alpha_survives(
    source: Format, target: Format, count: int, channels: Pixels
) -> None:
    sent = channels[..., :count]

    image = decode(WRITE[source](sent))

    assert (image.bit_depth, image.format, image.greyscale) == (16, source, count <= 2)
    assert (image.alpha is None) == (count in {1, 3})
    np.testing.assert_array_equal(READ[target](encode(image, target)), sent.squeeze())
    again = decode(encode(image, target))
    np.testing.assert_array_equal(again.pixels, image.pixels)
    np.testing.assert_array_equal(again.alpha, image.alpha)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "options",
    [
        *({"byteorder": ">"}, {"bigtiff": True}, {"tile": (16, 16)}, {"rowsperstrip": 5}),
        *({"compression": name, "predictor": True} for name in ("lzw", "zlib", "zstd", "lzma")),
        {"compression": "lzw", "predictor": True, "byteorder": ">", "tile": (16, 32)},
        {"compression": "packbits"},
    ],
    ids=str,
)
def test_a_tiff_may_lie_on_the_disk_in_any_way(
    options: dict[str, Any], count: int, channels: Pixels
) -> None:
    image = decode(tiff_of(channels[..., :count], **options))

    colours = channels[..., :1] if count <= 2 else channels[..., :3]
    np.testing.assert_array_equal(image.pixels, np.broadcast_to(colours, image.pixels.shape))
    if image.alpha is not None:
        np.testing.assert_array_equal(image.alpha, channels[..., count - 1])


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_a_tiff_may_hold_one_plane_after_the_other(
    tile: tuple[int, int] | None, count: int, channels: Pixels
) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        np.moveaxis(channels[..., :count], 2, 0),
        photometric="minisblack" if count == 2 else "rgb",
        planarconfig="separate",
        extrasamples=["unassalpha"] if count != 3 else [],
        tile=tile,
        metadata=None,
    )
    image = decode(buffer.getvalue())
    np.testing.assert_array_equal(image.pixels[..., 0], channels[..., 0])
    np.testing.assert_array_equal(image.pixels[..., 2], channels[..., 0 if count == 2 else 2])


def test_white_as_zero_is_turned_round(channels: Pixels) -> None:
    image = decode(tiff_of(channels[..., :1], photometric="miniswhite"))
    np.testing.assert_array_equal(image.pixels[..., 1], 65535 - channels[..., 0])


def test_colours_multiplied_by_alpha_are_divided_by_it() -> None:
    multiplied = np.array([[[60000, 7, 0], [10004, 30000, 40000], [9, 9, 9]]], np.uint16)
    alpha = np.array([[[65535], [30000], [0]]], np.uint16)

    image = decode(tiff_of(np.dstack([multiplied, alpha]), extrasamples=["assocalpha"]))

    # 10004 * 65535 / 30000 is 21853.7; what is more than alpha is as much as there can be
    assert image.pixels[0, :2].tolist() == [[60000, 7, 0], [21854, 65535, 65535]]
    np.testing.assert_array_equal(image.alpha, alpha[..., 0])


def test_an_interlaced_png_is_put_together(channels: Pixels) -> None:
    image = decode(png_of(channels[..., :3], interlaced=True))
    np.testing.assert_array_equal(image.pixels, channels[..., :3])


def test_a_transparent_colour_becomes_alpha() -> None:
    pixels = np.array([[[1, 2, 3], [1, 2, 4]]], np.uint16)
    image = decode(png_of(pixels, chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))))
    assert image.alpha is not None
    assert image.alpha.tolist() == [[0, 65535]]
    np.testing.assert_array_equal(image.pixels, pixels)


def test_a_transparent_grey_becomes_alpha() -> None:
    pixels = np.array([[[256], [257]]], np.uint16)
    image = decode(png_of(pixels, chunk(b"tRNS", struct.pack(">H", 257))))
    assert image.greyscale
    assert image.alpha is not None
    assert image.alpha.tolist() == [[65535, 0]]


@pytest.mark.parametrize("depth", [2, 4])
def test_a_transparent_grey_of_few_bits_becomes_alpha(depth: int) -> None:
    header = struct.pack(">IIBBBBB", 2, 1, depth, 0, 0, 0, 0)
    row = bytes([0, 0b01_11_0000 if depth == 2 else 0b0001_1111])
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(name, body)
        for name, body in ((b"IHDR", header), (b"tRNS", b"\0\1"), (b"IDAT", zlib.compress(row)),
                           (b"IEND", b""))
    )  # fmt: skip
    image = decode(data)
    assert (image.greyscale, image.bit_depth) == (True, 8)
    assert image.pixels[0, :, 0].tolist() == [85 if depth == 2 else 17, 255]
    assert image.alpha is not None
    assert image.alpha.tolist() == [[0, 255]]


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_and_keeps_profile_and_exif(
    orientation: int, source: Format, target: Format, channels: Pixels
) -> None:
    exif = PillowImage.Exif()
    exif[MAKE] = "Camera"
    exif[ORIENTATION] = orientation
    exif.get_ifd(EXIF_DIRECTORY)[TAKEN_AT] = "2020:01:02 03:04:05"
    stored = Image(channels[..., :3], channels[..., 3], False, source, b"profile", exif.tobytes())
    eight_bits = PillowImage.fromarray((channels >> 8).astype(np.uint8))
    buffer = io.BytesIO()
    eight_bits.save(buffer, source, exif=exif)
    expected = decode(buffer.getvalue()).pixels
    data = encode(stored)
    if source == "tiff":  # where orientation is a tag of the picture, which the encoder leaves out
        data = tiff_of(
            channels, iccprofile=b"profile",
            extratags=[(ORIENTATION, 3, 1, orientation, True), (MAKE, 2, 7, "Camera", True)],
        )  # fmt: skip

    image = decode(data)

    np.testing.assert_array_equal(image.pixels >> 8, expected)
    again = decode(encode(image, target))
    np.testing.assert_array_equal(again.pixels, image.pixels)
    np.testing.assert_array_equal(again.alpha, image.alpha)
    assert again.icc_profile == b"profile"
    kept = PillowImage.Exif()
    kept.load(again.exif or b"")
    assert kept[MAKE] == "Camera"
    assert ORIENTATION not in kept
    if source == "png":
        assert kept.get_ifd(EXIF_DIRECTORY)[TAKEN_AT] == "2020:01:02 03:04:05"


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
@pytest.mark.parametrize("source", FORMATS)
def test_a_side_may_be_of_one_pixel(
    source: Format, shape: tuple[int, int], channels: Pixels
) -> None:
    sent = channels[: shape[0], : shape[1]]
    image = decode(WRITE[source](sent))
    np.testing.assert_array_equal(image.pixels, sent[..., :3])
    for greyscale in (False, True):
        colours = np.repeat(sent[..., :1], 3, axis=2) if greyscale else sent[..., :3]
        again = decode(encode(Image(colours, sent[..., 3], greyscale), source))
        np.testing.assert_array_equal(again.pixels, colours)
        np.testing.assert_array_equal(again.alpha, sent[..., 3])
    turned = decode(encode(Image(sent[..., :3].copy()).turned(6), source))
    np.testing.assert_array_equal(turned.pixels, np.rot90(sent[..., :3], -1))


@pytest.mark.parametrize("source", FORMATS)
def test_pixels_beyond_the_limit_are_refused(source: Format, channels: Pixels) -> None:
    data = WRITE[source](channels)
    assert decode(data, max_pixels=21 * 17).pixels.shape == (17, 21, 3)
    with pytest.raises(ImageTooLargeError, match="21x17"):
        decode(data, max_pixels=21 * 17 - 1)


@pytest.mark.parametrize("count", [2, 3])
def test_several_pages_are_refused(count: int, channels: Pixels) -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for _ in range(2):
            writer.write(channels[..., :count], photometric="minisblack" if count == 2 else "rgb",
                         planarconfig="contig", metadata=None)  # fmt: skip
    with pytest.raises(UnsupportedImageError, match=r"TIFF.*more than one frame"):
        decode(buffer.getvalue())


@pytest.mark.parametrize("target", ["jpeg", "webp", "avif"])
def test_formats_of_8_bits_are_refused(target: Format, channels: Pixels) -> None:
    with pytest.raises(CannotEncodeError, match="16 bits"):
        encode(Image(channels[..., :3]), target)


def retag(data: bytes, changes: dict[int, int]) -> bytes:
    """Give tags of one number, in a little-endian TIFF, other numbers of 32 bits."""
    changed = bytearray(data)
    (directory,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, directory)
    for place in range(directory + 2, directory + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from("<H", data, place)
        if tag in changes:
            struct.pack_into("<HHII", changed, place, tag, 4, 1, changes[tag])
    return bytes(changed)


def test_tiles_of_gigabytes_in_a_small_picture_are_refused(channels: Pixels) -> None:
    data = tiff_of(channels, tile=(16, 16), compression="zlib")
    with pytest.raises(BrokenImageError, match="tiles of 32768x32768 px for 21x17 px"):
        decode(retag(data, {322: 32768, 323: 32768}))


def test_a_cut_file_is_broken(channels: Pixels) -> None:
    for source in FORMATS:
        data = WRITE[source](channels)
        for length in range(40, len(data) - 1, 97):
            with pytest.raises(BrokenImageError):
                decode(data[:length])


def test_strips_that_are_missing_are_not_left_black(channels: Pixels) -> None:
    for sample in (channels, channels[..., :3]):
        data = tiff_of(sample, rowsperstrip=5)
        with pytest.raises(BrokenImageError, match="4 of 40 strips"):
            decode(retag(data, {257: 200}))
    eight_bits = tiff_of((channels[..., :3] >> 8).astype(np.uint8), rowsperstrip=17)
    with pytest.raises(BrokenImageError, match="1 of 12 strips"):
        decode(retag(eight_bits, {257: 200}))
