"""Whatever the picture: what goes in comes out, as far as the format can hold it."""

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from sharpening.codec import FORMATS, Format, Image, check_format, decode, encode
from sharpening.codec.image import join, separate
from sharpening.errors import CannotEncodeError, ImageError

Pixels = npt.NDArray[Any]

EXACT: tuple[Format, ...] = ("png", "tiff", "webp")
MAKE, DESCRIPTION, ORIENTATION, TAKEN_AT, EXIF_DIRECTORY = 271, 270, 274, 0x9003, 0x8769

texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40)


@st.composite
def exifs(draw: st.DrawFn) -> bytes:
    exif = PillowImage.Exif()
    exif.endian = draw(st.sampled_from("<>"))
    exif[MAKE] = draw(texts)
    if draw(st.booleans()):
        exif[DESCRIPTION] = draw(texts)
    if draw(st.booleans()):
        exif.get_ifd(EXIF_DIRECTORY)[TAKEN_AT] = draw(texts)
    return exif.tobytes()


@st.composite
def images(draw: st.DrawFn) -> Image:
    shape = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    values = np.random.default_rng(draw(st.integers(0, 99)))
    top = draw(st.sampled_from([1, 2, int(np.iinfo(dtype).max)]))
    greyscale = draw(st.booleans())
    pixels = values.integers(0, top, (*shape, 1 if greyscale else 3), dtype, endpoint=True)
    alpha = values.integers(0, top, shape, dtype, endpoint=True)
    return Image(
        np.ascontiguousarray(np.broadcast_to(pixels, (*shape, 3))),
        alpha if draw(st.booleans()) else None,
        greyscale,
        draw(st.sampled_from(FORMATS)),
        draw(st.none() | st.binary(min_size=1, max_size=500)),
        draw(st.none() | exifs()),
    )


def holds(image: Image, format_: Format) -> bool:
    try:
        check_format(image, format_)
    except CannotEncodeError:
        return False
    return True


@given(images(), st.sampled_from(EXACT))
def test_lossless_formats_give_back_the_picture(image: Image, format_: Format) -> None:
    assume(holds(image, format_))
    again = decode(encode(image, format_, quality=100))
    np.testing.assert_array_equal(again.pixels, image.pixels)
    np.testing.assert_array_equal(again.alpha, image.alpha)
    assert again.pixels.dtype == image.pixels.dtype
    assert again.greyscale == (image.greyscale and format_ != "webp")
    assert again.icc_profile == image.icc_profile


@given(images(), st.sampled_from(FORMATS), st.integers(1, 100))
def test_every_format_that_can_hold_a_picture_keeps_its_size_alpha_and_metadata(
    image: Image, format_: Format, quality: int
) -> None:
    assume(holds(image, format_))
    again = decode(encode(image, format_, quality=quality))
    assert again.pixels.shape == image.pixels.shape
    assert again.format == format_
    np.testing.assert_array_equal(again.alpha, image.alpha)
    assert again.icc_profile == image.icc_profile
    assert tags_of(again.exif) == tags_of(image.exif)
    if format_ != "tiff":
        assert again.exif == image.exif


def tags_of(exif: bytes | None) -> dict[int, Any]:
    parsed = PillowImage.Exif()
    parsed.load(exif or b"")
    details = parsed.get_ifd(EXIF_DIRECTORY)
    return {**{tag: parsed[tag] for tag in (MAKE, DESCRIPTION) if tag in parsed}, **details}


@given(images(), st.integers(1, 8))
def test_every_orientation_is_undone_by_another(image: Image, orientation: int) -> None:
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    again = image.turned(orientation).turned(inverse)
    np.testing.assert_array_equal(again.pixels, image.pixels)
    np.testing.assert_array_equal(again.alpha, image.alpha)


@given(images())
def test_channels_joined_and_separated_are_the_same(image: Image) -> None:
    pixels, alpha, greyscale = separate(join(image))
    np.testing.assert_array_equal(pixels, image.pixels)
    np.testing.assert_array_equal(alpha, image.alpha)
    assert greyscale == image.greyscale


@given(st.binary(max_size=300), st.sampled_from(["png", "jpeg", "webp", "tiff", "avif"]))
def test_any_bytes_after_any_signature_are_a_picture_or_a_named_error(
    data: bytes, format_: str
) -> None:
    signature = {
        "png": b"\x89PNG\r\n\x1a\n",
        "jpeg": b"\xff\xd8\xff",
        "webp": b"RIFF\x40\0\0\0WEBP",
        "tiff": b"II*\0\x08\0\0\0",
        "avif": b"\0\0\0\x20ftypavif",
    }[format_]
    try:
        decode(signature + data)
    except ImageError:
        return
