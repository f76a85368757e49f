"""Frames as bytes and as pictures."""

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image as PillowImage

from service.streams.frames import encode_frame, open_frame, read_frame_size
from service.streams.options import StreamOptions
from sharpening.codec import Image
from sharpening.errors import (
    BrokenImageError,
    CannotEncodeError,
    ImageTooLargeError,
    UnsupportedImageError,
)

MAX_PIXELS = 64 * 48
ToRaw = Callable[[np.ndarray], bytes]
ToFile = Callable[..., bytes]


def test_a_raw_frame_is_its_pixels(photograph: np.ndarray, to_raw: ToRaw) -> None:
    frame = to_raw(photograph)

    opened = open_frame(frame, "raw", max_pixels=MAX_PIXELS)

    assert read_frame_size(frame, max_pixels=MAX_PIXELS) == (64, 48)
    np.testing.assert_array_equal(opened.pixels, photograph)
    assert encode_frame(opened, StreamOptions(format="raw")) == photograph.tobytes()


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (b"RGB8", BrokenImageError),
        (struct.pack("<4sII", b"RGB8", 4, 4)[:11], BrokenImageError),
        (struct.pack("<4sII", b"RGB8", 4, 4) + bytes(47), BrokenImageError),
        (struct.pack("<4sII", b"RGB8", 4, 4) + bytes(49), BrokenImageError),
        (struct.pack("<4sII", b"RGB8", 0, 4), BrokenImageError),
        (struct.pack("<4sII", b"RGB8", 2**32 - 1, 2**32 - 1), ImageTooLargeError),
        (b"", UnsupportedImageError),
        (b"text", UnsupportedImageError),
    ],
)
def test_what_is_no_frame_is_refused(frame: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_frame_size(frame, max_pixels=MAX_PIXELS)
    with pytest.raises(error):
        open_frame(frame, "jpeg", max_pixels=MAX_PIXELS)


def test_one_pixel_too_many_is_refused_in_any_form(
    photograph: np.ndarray, to_raw: ToRaw, to_file: ToFile
) -> None:
    for frame in (to_raw(photograph), to_file(photograph, "jpeg"), to_file(photograph, "webp")):
        with pytest.raises(ImageTooLargeError):
            read_frame_size(frame, max_pixels=MAX_PIXELS - 1)


@pytest.mark.parametrize("format_", ["jpeg", "webp"])
def test_frames_are_encoded_as_asked(format_: str) -> None:
    image = Image(np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    files = {
        quality: encode_frame(image, StreamOptions(format=format_, quality=quality))
        for quality in (20, None, 90)
    }

    assert PillowImage.open(io.BytesIO(files[90])).format == format_.upper()
    assert len(files[20]) < len(files[None]) < len(files[90])


def test_transparency_is_kept_or_refused_and_never_lost(
    photograph: np.ndarray, to_file: ToFile
) -> None:
    channels = np.dstack([photograph, np.full((48, 64), 100, np.uint8)])
    frame = to_file(channels, "webp", lossless=True)

    kept = open_frame(frame, "webp", max_pixels=MAX_PIXELS)
    for format_ in ("jpeg", "raw"):
        with pytest.raises(CannotEncodeError, match="webp"):
            open_frame(frame, format_, max_pixels=MAX_PIXELS)

    assert kept.alpha is not None
