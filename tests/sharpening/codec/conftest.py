"""One small file of each kind that is decoded along a path of its own, written by others."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image as PillowImage
from PIL import ImageCms

from sharpening.codec import Image, encode

Pixels = npt.NDArray[Any]

MAKE, ORIENTATION = 271, 274
EXIF_DIRECTORY, GPS_DIRECTORY, TAKEN_AT, HEMISPHERE = 0x8769, 0x8825, 0x9003, 1
WIDTH, HEIGHT = 20, 24


def save(picture: PillowImage.Image, format_: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format_.upper(), **options)
    return buffer.getvalue()


def save_tiff(channels: Pixels, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, channels, metadata=None, **options)
    return buffer.getvalue()


def describe_camera() -> bytes:
    exif = PillowImage.Exif()
    exif[MAKE] = "Camera"
    exif[ORIENTATION] = 6
    exif.get_ifd(EXIF_DIRECTORY)[TAKEN_AT] = "2020:01:02 03:04:05"
    exif.get_ifd(GPS_DIRECTORY)[HEMISPHERE] = "N"
    return exif.tobytes()


def make_sources() -> dict[str, bytes]:
    generator = np.random.default_rng(0)
    shallow = generator.integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)
    deep = generator.integers(0, 65536, (HEIGHT, WIDTH, 4), np.uint16)
    rgba, rgb = PillowImage.fromarray(shallow), PillowImage.fromarray(shallow[..., :3])
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    carried: dict[str, Any] = {"exif": describe_camera(), "icc_profile": profile}
    colour, alpha = deep[..., :3], deep[..., 3]
    return {
        "png": save(rgb, "png", **carried),
        "png palette": save(rgb.quantize(8), "png", transparency=bytes(range(8))),
        "png grey alpha": save(rgba.convert("LA"), "png"),
        "png 1": save(rgb.convert("1"), "png"),
        "png 16": encode(Image(colour, **carried)),
        "png 16 alpha": encode(Image(colour, alpha)),
        "png 16 grey": save(PillowImage.fromarray(alpha), "png"),
        "jpeg": save(rgb, "jpeg", **carried),
        "jpeg progressive": save(rgb, "jpeg", progressive=True),
        "jpeg cmyk": save(rgb.convert("CMYK"), "jpeg"),
        "jpeg grey": save(rgb.convert("L"), "jpeg"),
        "jpeg of a phone": save(rgb, "mpo", save_all=True, append_images=[rgb.resize((10, 10))]),
        "webp": save(rgb, "webp", **carried),
        "webp lossless": save(rgba, "webp", lossless=True),
        "webp alpha": save(rgba, "webp"),
        "tiff": save(rgb, "tiff", **carried),
        "tiff deflate": encode(Image(shallow[..., :3], **carried), "tiff"),
        "tiff lzw": save(rgba, "tiff", compression="tiff_lzw"),
        "tiff jpeg": save(rgb, "tiff", compression="jpeg"),
        "tiff fax": save(rgb.convert("1"), "tiff", compression="group4"),
        "tiff 16": encode(Image(colour, alpha, **carried), "tiff"),
        "tiff 16 grey": save(PillowImage.fromarray(alpha), "tiff"),
        "tiff 16 tiles": save_tiff(
            deep, photometric="rgb", tile=(16, 16), compression="lzw", extrasamples=["assocalpha"]
        ),
        "tiff 16 planes": save_tiff(
            np.moveaxis(colour, 2, 0),
            **{"photometric": "rgb", "planarconfig": "separate"},
            **{"compression": "zlib", "predictor": True},
        ),
        "tiff 16 big": save_tiff(
            deep[..., :2], photometric="minisblack", bigtiff=True, extrasamples=["unassalpha"]
        ),
        "tiff 16 white is zero": save_tiff(alpha, photometric="miniswhite", byteorder=">"),
        "avif": save(rgb, "avif", speed=10, **carried),
        "avif alpha": save(rgba, "avif", speed=10),
        "avif grey": save(rgb.convert("L"), "avif", speed=10),
    }


SOURCES = make_sources()


@pytest.fixture(scope="session")
def sources() -> dict[str, bytes]:
    """All of them, by name."""
    return SOURCES


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> bytes:
    """One of them."""
    return SOURCES[request.param]


@pytest.fixture(scope="session")
def to_file() -> Callable[..., bytes]:
    """Write a picture with Pillow."""
    return save
