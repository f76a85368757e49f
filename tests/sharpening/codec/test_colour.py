"""Ink to sRGB by the profile that a picture brings: one is built here, for none may be shipped."""

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image as PillowImage
from skimage.color import lab2rgb

from sharpening.codec import decode, encode
from sharpening.errors import BrokenImageError

ToFile = Callable[..., bytes]

BROWN, BLUE = (44, 24, 31), (40, 5, -30)
"""CIELAB of the profile below: cyan prints a dull blue, black ink brown; mixtures are black."""


def ink_profile() -> bytes:
    """Return a profile of ICC.1:2001-04, section 6.5.11: a table with two points for each ink."""
    corners = bytearray()
    for corner in range(16):
        lightness, a, b = {0: (100, 0, 0), 8: BLUE, 1: BROWN}.get(corner, (0, 0, 0))
        corners += bytes([round(lightness * 255 / 100), a + 128, b + 128])
    identity = bytes(range(256))
    matrix = struct.pack(">9i", *(65536 * (index % 4 == 0) for index in range(9)))
    table = (
        b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + 4 * identity + corners + 3 * identity
    )
    table += bytes(-len(table) % 4)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    tags = {b"A2B0": table, b"wtpt": white}
    start, entries, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        entries += name + struct.pack(">II", start + len(body), len(content))
        body += content
    header = bytearray(128)
    header[0:4] = struct.pack(">I", start + len(body))
    header[8:24] = struct.pack(">I", 0x02400000) + b"prtrCMYKLab "
    header[36:40] = b"acsp"
    header[68:80] = struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return bytes(header) + struct.pack(">I", len(tags)) + entries + body


@pytest.mark.parametrize("format_", ["jpeg", "tiff"])
def test_ink_becomes_srgb_by_its_profile_and_the_profile_is_gone(
    format_: str, to_file: ToFile
) -> None:
    halves = np.zeros((16, 32, 4), np.uint8)
    halves[:, :16, 0] = halves[:, 16:, 3] = 255
    data = to_file(PillowImage.fromarray(halves, "CMYK"), format_, icc_profile=ink_profile())

    image = decode(data)

    assert (image.icc_profile, image.greyscale, image.alpha) == (None, False, None)
    expected = 255 * lab2rgb(np.array([BLUE, BROWN], float), illuminant="D50")
    np.testing.assert_allclose(image.pixels[8, [4, 28]], expected, atol=20)  # of two white points
    assert decode(encode(image)).pixels.shape == (16, 32, 3)


def test_ink_without_a_profile_becomes_plain_rgb(to_file: ToFile) -> None:
    picture = PillowImage.new("CMYK", (16, 16), (0, 255, 255, 0))
    image = decode(to_file(picture, "jpeg", quality=100))
    assert np.abs(image.pixels.astype(int) - [255, 0, 0]).max() < 4
    assert image.icc_profile is None


def test_ink_with_a_profile_that_is_not_one_is_refused(to_file: ToFile) -> None:
    picture = PillowImage.new("CMYK", (16, 16))
    whole = ink_profile()
    for profile in (b"not a profile" * 20, whole[:200], whole.replace(b"CMYK", b"RGB ")):
        with pytest.raises(BrokenImageError, match=r"CMYK profile is damaged.*remove it"):
            decode(to_file(picture, "jpeg", icc_profile=profile))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "P with alpha", "RGB", "RGBA"])
def test_a_tall_picture_is_what_pillow_makes_of_it_at_once(mode: str, to_file: ToFile) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 9, 4), np.uint8)
    picture = PillowImage.fromarray(noise)
    if mode.startswith("P"):
        picture = picture.convert("RGB").quantize(16)
    options = {"transparency": bytes(range(16))} if "alpha" in mode else {}
    data = to_file(picture.convert(mode.split()[0]), "png", **options)

    image = decode(data)

    whole = np.asarray(PillowImage.open(io.BytesIO(data)).convert("RGBA"))
    np.testing.assert_array_equal(image.pixels, whole[..., :3])
    if image.alpha is None:
        assert (whole[..., 3] == 255).all()
    else:
        np.testing.assert_array_equal(image.alpha, whole[..., 3])
    assert (image.alpha is not None) == (mode in {"LA", "P with alpha", "RGBA"})
