"""Pictures of every kind through a real server: what comes back is what was sent, but sharper."""

import io
from typing import Any

import httpx
import imagecodecs
import numpy as np
import pytest
import skimage.data
import tifffile
from PIL import Image as PillowImage

from sharpening.degradation import PaperDegradation
from sharpening.metrics import psnr

ANSWER_S = 120
LEAST_GAIN_DB = 1.5
MAKE, ORIENTATION = 271, 274


@pytest.fixture(scope="module")
def sharp() -> np.ndarray:
    return np.ascontiguousarray(skimage.data.chelsea()[:200, 100:301])


@pytest.fixture(scope="module")
def blurred(sharp: np.ndarray) -> np.ndarray:
    return PaperDegradation().apply(sharp)


def post(server: Any, data: bytes, **parameters: object) -> httpx.Response:
    return httpx.post(f"{server.url}/sharpen", content=data, params=parameters, timeout=ANSWER_S)


def write(pixels: np.ndarray, format_: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, format_, **options)
    return buffer.getvalue()


def write_tiff(pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, metadata=None, **options)
    return buffer.getvalue()


def read(answer: httpx.Response) -> PillowImage.Image:
    assert answer.status_code == 200, answer.text
    return PillowImage.open(io.BytesIO(answer.content))


def test_a_16_bit_png_comes_back_sharper_with_16_bits(
    server: Any, sharp: np.ndarray, blurred: np.ndarray
) -> None:
    sent = imagecodecs.png_encode(blurred.astype(np.uint16) * 257)
    answer = post(server, sent, model="paper/student")

    pixels = imagecodecs.png_decode(answer.content)
    assert (pixels.dtype, pixels.shape) == (np.uint16, blurred.shape)
    assert len(np.unique(pixels % 257)) > 200  # not 8 bits written as 16
    eight_bits = np.rint(pixels / 257).astype(np.uint8)
    assert psnr(sharp, eight_bits) - psnr(sharp, blurred) >= LEAST_GAIN_DB


def test_a_16_bit_tiff_keeps_alpha_and_profile(server: Any, blurred: np.ndarray) -> None:
    deep = blurred.astype(np.uint16) * 257
    alpha = np.arange(deep[..., 0].size, dtype=np.uint16).reshape(deep.shape[:2])
    sent = write_tiff(
        np.dstack([deep, alpha]),
        **{"photometric": "rgb", "extrasamples": ["unassalpha"], "compression": "lzw"},
        **{"predictor": True, "iccprofile": b"profile"},
    )

    answer = post(server, sent)

    assert answer.headers["content-type"] == "image/tiff"
    with tifffile.TiffFile(io.BytesIO(answer.content)) as file:
        channels, tags = file.asarray(), file.pages.first.tags
    assert channels.dtype == np.uint16
    np.testing.assert_array_equal(channels[..., 3], alpha)
    assert not np.array_equal(channels[..., :3], deep)
    assert tags["InterColorProfile"].value == b"profile"


def test_avif_is_turned_upright_and_keeps_its_exif(
    server: Any, sharp: np.ndarray, blurred: np.ndarray
) -> None:
    exif = PillowImage.Exif()
    exif[ORIENTATION], exif[MAKE] = 8, "Camera"
    sent = write(np.ascontiguousarray(np.rot90(blurred, -1)), "avif", quality=100, exif=exif)

    picture = read(post(server, sent, format="png"))

    sharpened = np.asarray(picture)
    assert sharpened.shape == sharp.shape
    assert psnr(sharp, sharpened) > psnr(sharp, blurred)
    assert dict(picture.getexif()) == {MAKE: "Camera"}
    assert read(post(server, sent)).format == "AVIF"


def test_greyscale_ink_and_palette_are_what_they_should_be(
    server: Any, blurred: np.ndarray
) -> None:
    picture = PillowImage.fromarray(blurred)
    sent = {
        "L": write(blurred[..., 1], "jpeg"),
        "RGB": _to_ink(picture),
        "RGBA": _to_palette(picture),
    }
    for mode, data in sent.items():
        assert read(post(server, data)).mode == mode


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (301, 1), (7, 3)])
def test_pictures_of_a_few_pixels_come_back(server: Any, size: tuple[int, int]) -> None:
    for format_ in ("png", "jpeg", "webp", "tiff", "avif"):
        data = write(np.full((size[1], size[0], 3), 100, np.uint8), format_)
        assert read(post(server, data)).size == size


@pytest.mark.parametrize("format_", ["png", "webp", "tiff"])
def test_strength_0_gives_back_the_pixels_and_what_alpha_hides(
    server: Any, blurred: np.ndarray, format_: str
) -> None:
    channels = np.dstack([blurred, np.where(blurred[..., 0] > 100, np.uint8(0), np.uint8(9))])
    options = {"lossless": True, "exact": True} if format_ == "webp" else {}

    answer = post(server, write(channels, format_, **options), strength=0, quality=100)

    np.testing.assert_array_equal(np.asarray(read(answer)), channels)


def test_a_server_that_was_sent_bad_pictures_still_serves(server: Any, blurred: np.ndarray) -> None:
    huge = bytearray(write(blurred, "avif"))
    place = huge.index(b"ispe") + 8
    huge[place : place + 8] = bytes.fromhex("0000ffff0000ffff")
    frames = [PillowImage.fromarray(blurred), PillowImage.fromarray(blurred[::-1])]
    film = io.BytesIO()
    frames[0].save(film, "avif", save_all=True, append_images=frames[1:])
    expected = {
        400: [write(blurred, "jpeg")[:-500], write(blurred, "webp", exif=b"rubbish"),
              imagecodecs.png_encode(blurred.astype(np.uint16))[:5000]],
        413: [bytes(huge)],
        415: [b"GIF89a" + write(blurred, "png"), film.getvalue(), b"\0" * 1000],
    }  # fmt: skip
    for status, bodies in expected.items():
        for body in bodies:
            answer = post(server, body)
            assert answer.status_code == status, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
    assert read(post(server, write(blurred, "png"))).size == (201, 200)
    assert server.process.poll() is None


def _to_ink(picture: PillowImage.Image) -> bytes:
    buffer = io.BytesIO()
    picture.convert("CMYK").save(buffer, "jpeg")
    return buffer.getvalue()


def _to_palette(picture: PillowImage.Image) -> bytes:
    buffer = io.BytesIO()
    picture.quantize(16).save(buffer, "png", transparency=bytes(range(0, 256, 16)))
    return buffer.getvalue()
