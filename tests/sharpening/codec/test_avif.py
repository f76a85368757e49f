"""AVIF: exact alpha, greyscale that stays so, and what Pillow would read with loss."""

from collections.abc import Callable

import imagecodecs
import numpy as np
import pytest
from PIL import Image as PillowImage

from sharpening.codec import FORMATS, Image, decode, encode
from sharpening.errors import UnsupportedImageError

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
