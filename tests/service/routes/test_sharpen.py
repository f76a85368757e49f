"""`POST /sharpen`: what comes back is the engine's picture, with what must survive."""

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import numpy as np
import pytest

from service.models import load_models
from service.settings import Settings
from sharpening.codec import Format, Image, decode, encode

pytestmark = pytest.mark.anyio

ToFile = Callable[..., bytes]
ToPixels = Callable[[bytes], np.ndarray]

ORIENTATION = 0x0112
ROTATE_BY_90_DEGREES = 6


@pytest.mark.parametrize("model", ["student", "teacher", "paper/teacher"])
async def test_the_answer_is_what_the_engine_makes(
    client: httpx.AsyncClient,
    settings: Settings,
    photograph: np.ndarray,
    to_file: ToFile,
    to_pixels: ToPixels,
    model: str,
) -> None:
    loaded = load_models(settings).get(model)

    answer = await client.post("/sharpen", params={"model": model}, content=to_file(photograph))

    expected = loaded.engine.sharpen(photograph)
    assert not np.array_equal(expected, photograph)
    np.testing.assert_array_equal(to_pixels(answer.content), expected)
    assert answer.headers["x-model"] == loaded.name


@pytest.mark.parametrize("strength", [0.5, 2.0])
async def test_strength_reaches_the_engine(
    client: httpx.AsyncClient,
    settings: Settings,
    photograph: np.ndarray,
    to_file: ToFile,
    to_pixels: ToPixels,
    strength: float,
) -> None:
    answer = await client.post(
        "/sharpen", params={"strength": strength}, content=to_file(photograph)
    )

    engine = load_models(settings).get("student").engine
    expected = engine.sharpen(photograph, strength=strength)
    np.testing.assert_array_equal(to_pixels(answer.content), expected)


async def test_strength_0_returns_the_decoded_pixels(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile, to_pixels: ToPixels
) -> None:
    data = to_file(photograph, "jpeg")

    answer = await client.post("/sharpen", params={"strength": 0, "format": "png"}, content=data)

    np.testing.assert_array_equal(to_pixels(answer.content), to_pixels(data))


@pytest.mark.parametrize("format_", ["png", "jpeg", "webp", "tiff", "avif"])
async def test_the_answer_has_the_format_that_was_sent(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile, format_: str
) -> None:
    answer = await client.post("/sharpen", content=to_file(photograph, format_))

    assert answer.headers["content-type"] == f"image/{format_}"
    assert answer.headers["vary"] == "Accept"


async def test_format_and_accept_choose_another(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    data = to_file(photograph)

    by_name = await client.post("/sharpen", params={"format": "webp"}, content=data)
    by_accept = await client.post("/sharpen", headers={"Accept": "image/webp"}, content=data)

    assert by_name.headers["content-type"] == "image/webp"
    assert by_name.content == by_accept.content


async def test_quality_makes_a_smaller_file(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    data = to_file(photograph, "jpeg")

    small = await client.post("/sharpen", params={"quality": 10}, content=data)
    large = await client.post("/sharpen", params={"quality": 95}, content=data)

    assert len(small.content) < len(large.content)


async def test_alpha_is_kept(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile, to_pixels: ToPixels
) -> None:
    alpha = photograph[..., 0]

    answer = await client.post("/sharpen", content=to_file(np.dstack([photograph, alpha])))

    np.testing.assert_array_equal(to_pixels(answer.content)[..., 3], alpha)


async def test_grey_stays_grey(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile, to_pixels: ToPixels
) -> None:
    answer = await client.post("/sharpen", content=to_file(photograph[..., 0]))

    assert to_pixels(answer.content).shape == photograph.shape[:2]


async def test_16_bits_stay_16_bits(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile, to_pixels: ToPixels
) -> None:
    grey = photograph[..., 0].astype(np.uint16) * 257

    answer = await client.post("/sharpen", content=to_file(grey))

    assert to_pixels(answer.content).dtype == np.uint16


@pytest.mark.parametrize("format_", ["png", "tiff"])
async def test_16_bits_of_colour_with_alpha_are_what_the_engine_makes(
    client: httpx.AsyncClient, settings: Settings, photograph: np.ndarray, format_: Format
) -> None:
    pixels = photograph.astype(np.uint16) * 257 + 1
    alpha = photograph[..., 0].astype(np.uint16) * 200 + 1

    answer = await client.post("/sharpen", content=encode(Image(pixels, alpha), format_))

    assert answer.headers["content-type"] == f"image/{format_}"
    image = decode(answer.content)
    expected = load_models(settings).get("student").engine.sharpen(pixels)
    np.testing.assert_array_equal(image.pixels, expected)
    np.testing.assert_array_equal(image.alpha, alpha)


async def test_colours_under_full_transparency_do_not_show(
    client: httpx.AsyncClient, photograph: np.ndarray
) -> None:
    hidden = photograph[..., 0] > 128
    alpha = np.where(hidden, np.uint8(0), np.uint8(255))

    answers = [
        decode((await client.post("/sharpen", content=encode(Image(pixels, alpha)))).content)
        for pixels in (photograph, np.where(hidden[..., np.newaxis], np.uint8(0), photograph))
    ]

    np.testing.assert_array_equal(answers[0].pixels[~hidden], answers[1].pixels[~hidden])
    np.testing.assert_array_equal(answers[0].pixels[hidden], photograph[hidden])


@pytest.mark.parametrize("accept", [None, "image/*", "image/avif;q=0.9, image/webp"])
async def test_avif_is_answered_in_its_kind_or_in_what_is_wanted(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile, accept: str | None
) -> None:
    headers = {"Accept": accept} if accept else {}

    answer = await client.post("/sharpen", headers=headers, content=to_file(photograph, "avif"))

    wanted = "image/webp" if accept and "webp" in accept else "image/avif"
    assert answer.headers["content-type"] == wanted
    assert decode(answer.content).pixels.shape == photograph.shape


async def test_damaged_metadata_are_a_problem_that_says_what_to_do(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    data = to_file(photograph, "webp", exif=b"Exif\0\0rubbish")

    answer = await client.post("/sharpen", content=data)

    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:sharpening:problem:broken-image"
    assert "remove them" in answer.json()["detail"]


async def test_exif_orientation_is_applied(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile, to_pixels: ToPixels
) -> None:
    from PIL import Image as PillowImage

    exif = PillowImage.Exif()
    exif[ORIENTATION] = ROTATE_BY_90_DEGREES
    data = to_file(photograph, exif=exif)

    answer = await client.post("/sharpen", params={"strength": 0}, content=data)

    np.testing.assert_array_equal(to_pixels(answer.content), np.rot90(photograph, k=-1))


async def test_one_pixel_is_a_picture(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile, to_pixels: ToPixels
) -> None:
    answer = await client.post("/sharpen", content=to_file(photograph[:1, :1]))

    assert to_pixels(answer.content).shape == (1, 1, 3)


async def test_server_timing_has_the_four_spans(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    answer = await client.post("/sharpen", content=to_file(photograph))

    spans = re.fullmatch(
        r"decode;dur=[\d.]+, queue;dur=[\d.]+, model;dur=[\d.]+, encode;dur=[\d.]+",
        answer.headers["server-timing"],
    )
    assert spans


async def test_etag_is_stable_and_depends_on_picture_model_and_parameters(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    data = to_file(photograph)

    async def tag(content: bytes = data, **parameters: object) -> str:
        answer = await client.post("/sharpen", params=parameters, content=content)
        return answer.headers["etag"]

    plain = await tag()
    assert re.fullmatch(r'"[0-9a-f]{32}"', plain)
    assert await tag() == plain
    assert await tag(model="paper/student", format="png", strength="1.0") == plain
    others = [
        await tag(to_file(photograph[::-1])),
        await tag(model="teacher"),
        await tag(strength=0.5),
        await tag(format="webp"),
        await tag(format="webp", quality=50),
    ]
    assert len({plain, *others}) == 6


async def test_an_answer_that_the_client_has_is_304_without_the_network(
    settings: Settings,
    start_client: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]],
    stalled: Any,
    photograph: np.ndarray,
    to_file: ToFile,
) -> None:
    data = to_file(photograph)
    async with start_client(settings, load=stalled.load) as client:
        first = await client.post("/sharpen", content=data)
        stalled.stall()
        known = {"If-None-Match": first.headers["etag"]}
        second = await client.post("/sharpen", content=data, headers=known)
        ran = stalled.entered.is_set()
        stalled.release.set()
        other = await client.post("/sharpen?strength=0.5", content=data, headers=known)

    assert (second.status_code, second.content) == (304, b"")
    for name in ("etag", "vary", "x-model"):
        assert second.headers[name] == first.headers[name]
    assert not ran
    assert other.status_code == 200
