"""What a browser is told, and that no page loads anything from elsewhere."""

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest

from service.headers import MAX_HEAD_BYTES
from service.settings import Settings

pytestmark = pytest.mark.anyio

PAGE = "https://page.example"


@pytest.mark.parametrize("path", ["/docs", "/health/live", "/no-such-page", "/sharpen"])
async def test_every_answer_has_the_headers(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy


async def test_the_documentation_loads_only_from_the_service_and_has_no_script_inside(
    client: httpx.AsyncClient,
) -> None:
    page = (await client.get("/docs")).text

    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(links) == 4
    for link in links:
        assert not link.startswith(("http:", "https:", "//"))
        answer = await client.get(f"/{link}")
        assert answer.status_code == 200
        assert answer.content
    assert re.findall(r"<script[^>]*>([^<]+)", page) == []


async def test_other_pages_may_not_call_it_by_default(client: httpx.AsyncClient) -> None:
    answer = await client.get("/models", headers={"Origin": PAGE})

    assert "access-control-allow-origin" not in answer.headers


async def test_pages_of_an_origin_that_is_set_may_call_it(
    settings: Settings, start_client: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
) -> None:
    opened = settings.model_copy(update={"cors_origins": f"https://other.example, {PAGE}"})
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    async with start_client(opened) as client:
        asking = await client.options("/sharpen", headers=asked)
        failing = await client.post("/sharpen", content=b"text", headers={"Origin": PAGE})
        elsewhere = await client.get("/models", headers={"Origin": "https://elsewhere.example"})

    assert asking.status_code == 200
    assert asking.headers["access-control-allow-origin"] == PAGE
    assert failing.status_code == 415
    assert failing.headers["access-control-allow-origin"] == PAGE
    assert "Retry-After" in failing.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in elsewhere.headers


@pytest.mark.parametrize(
    "request_",
    [
        {"headers": {"X-Long": "a" * MAX_HEAD_BYTES}},
        {"params": {"a": "a" * MAX_HEAD_BYTES}},
        {"headers": {f"X-{index}": "a" * 1000 for index in range(40)}},
    ],
)
async def test_a_head_that_is_too_long_is_431(
    client: httpx.AsyncClient, request_: dict[str, object]
) -> None:
    answer = await client.get("/models", **request_)

    assert answer.status_code == 431
    assert answer.json()["type"] == "urn:sharpening:problem:head-too-large"
