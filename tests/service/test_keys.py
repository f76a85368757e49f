"""Who needs the key, how it is shown, and what one without it sees."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from service.settings import Settings

pytestmark = pytest.mark.anyio

KEY = "correct horse battery"


@pytest.fixture
async def guarded(
    settings: Settings, start_client: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
) -> AsyncIterator[httpx.AsyncClient]:
    async with start_client(settings.model_copy(update={"api_key": SecretStr(KEY)})) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/sharpen"),
        ("POST", "/sharpen?strength=much"),
        ("POST", "/degrade"),
        ("POST", "/evaluate"),
        ("GET", "/models"),
        ("GET", "/models/onnx"),
        ("GET", "/models/refused"),
        ("GET", "/metrics"),
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": KEY[:-1]},
        {"X-API-Key": f"{KEY}x"},
        {"X-API-Key": "schlüssel".encode()},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {KEY}"},
    ],
)
async def test_without_the_key_it_is_401(
    guarded: httpx.AsyncClient, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = await guarded.request(method, path, headers=headers)

    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:sharpening:problem:unauthorized"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert KEY not in answer.text


@pytest.mark.parametrize("headers", [{"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}])
async def test_the_key_opens_either_way(
    guarded: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    assert (await guarded.get("/models", headers=headers)).status_code == 200


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/", "/docs", "/openapi.json"])
async def test_health_and_documentation_need_none(guarded: httpx.AsyncClient, path: str) -> None:
    assert (await guarded.get(path)).status_code == 200


async def test_the_document_tells_of_the_key_only_where_there_is_one(
    client: httpx.AsyncClient, guarded: httpx.AsyncClient
) -> None:
    plain, with_key = [(await one.get("/openapi.json")).json() for one in (client, guarded)]

    assert "401" not in plain["paths"]["/sharpen"]["post"]["responses"]
    assert "401" in with_key["paths"]["/sharpen"]["post"]["responses"]
    assert with_key["paths"]["/sharpen"]["post"]["security"]


def test_the_key_is_not_shown_and_not_short() -> None:
    assert KEY not in repr(Settings(api_key=KEY))
    with pytest.raises(ValidationError, match="api_key"):
        Settings(api_key="short")


@pytest.mark.parametrize(
    "key", ["schl\u00fcssel-8", "tab\tinside", " blanks at ends ", "line\nfeed"]
)
def test_a_key_that_no_header_could_carry_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ValidationError, match="ASCII") as refused:
        Settings(api_key=key)
    assert key.strip() not in str(refused.value)
