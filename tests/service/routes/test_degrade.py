"""`POST /degrade`: what comes back is the profile's blur, losslessly."""

from collections.abc import Callable

import httpx
import numpy as np
import pytest

from sharpening.degradation import PROFILES
from sharpening.degradation.call import TYPICAL

pytestmark = pytest.mark.anyio

ToFile = Callable[..., bytes]
ToPixels = Callable[[bytes], np.ndarray]


async def test_the_papers_blur_comes_back_as_png_unless_told_otherwise(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile, to_pixels: ToPixels
) -> None:
    answer = await client.post("/degrade", content=to_file(photograph, "webp", lossless=True))

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    np.testing.assert_array_equal(to_pixels(answer.content), PROFILES["paper"].apply(photograph))


async def test_the_other_profile_does_what_is_typical(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile, to_pixels: ToPixels
) -> None:
    answer = await client.post(
        "/degrade", params={"profile": "call"}, files={"image": to_file(photograph)}
    )

    np.testing.assert_array_equal(to_pixels(answer.content), TYPICAL.apply(photograph))


async def test_alpha_stays(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile, to_pixels: ToPixels
) -> None:
    alpha = np.arange(64, dtype=np.uint8) * np.ones((48, 1), np.uint8)

    answer = await client.post("/degrade", content=to_file(np.dstack([photograph, alpha])))

    np.testing.assert_array_equal(to_pixels(answer.content)[..., 3], alpha)


async def test_it_is_counted_and_timed(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    answer = await client.post("/degrade", content=to_file(photograph))
    figures = (await client.get("/metrics")).text

    assert "model;dur=" in answer.headers["server-timing"]
    assert (
        f'sharpen_megapixels_total{{route="/degrade"}} {photograph[..., 0].size / 1e6}' in figures
    )


@pytest.mark.parametrize(
    ("query", "body", "status", "slug"),
    [
        ({"profile": "fog"}, b"x", 422, "bad-parameter"),
        ({"model": "student"}, b"x", 422, "bad-parameter"),
        ({}, b"text", 415, "unsupported-image"),
        ({}, b"", 400, "broken-image"),
    ],
)
async def test_what_cannot_be_done_is_a_problem(
    client: httpx.AsyncClient, query: dict[str, str], body: bytes, status: int, slug: str
) -> None:
    answer = await client.post("/degrade", params=query, content=body)

    assert answer.status_code == status
    assert answer.json()["type"] == f"urn:sharpening:problem:{slug}"
