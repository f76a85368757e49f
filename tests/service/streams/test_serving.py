"""Who may open a stream, and what one is told who may not."""

import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from service.app import create_app
from service.headers import MAX_HEAD_BYTES
from service.resources import stop_taking
from service.settings import Settings

pytestmark = pytest.mark.anyio

KEY = "correct horse battery"
PAGE = "https://page.example"
StartClient = Callable[..., Any]


@pytest.fixture
async def guarded(
    settings: Settings, start_client: StartClient
) -> AsyncIterator[httpx.AsyncClient]:
    async with start_client(settings.model_copy(update={"api_key": SecretStr(KEY)})) as client:
        yield client


def as_subprotocol(key: str) -> str:
    return "sharpen.key." + base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


async def read_refusal(talk: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the problem and the closing of a stream that is accepted only to be refused."""
    assert (await talk.next())["type"] == "websocket.accept"
    last = await talk.read()
    assert (last["type"], last["sequence"], last["final"]) == ("error", None, True)
    closing = await talk.next()
    assert closing["type"] == "websocket.close"
    return last["problem"], closing


@pytest.mark.parametrize(
    ("query", "status", "named"),
    [
        ("strength=3", 422, "strength"),
        ("format=png", 422, "format"),
        ("speed=1", 422, "speed"),
        ("model=no-such", 404, "no-such"),
        ("model=" + "x" * 100, 404, "xxx"),
    ],
)
async def test_a_query_that_cannot_be_served_closes_the_stream_with_the_reason(
    client: httpx.AsyncClient, open_stream: Any, query: str, status: int, named: str
) -> None:
    async with open_stream(client, query) as talk:
        problem, closing = await read_refusal(talk)

    assert problem["status"] == status
    assert named in problem["detail"]
    assert closing["code"] == 1008
    assert named in closing["reason"]
    assert len(closing["reason"].encode()) <= 123


@pytest.mark.parametrize(
    ("headers", "offered"),
    [
        ({}, []),
        ({"authorization": "Bearer wrong"}, []),
        ({"authorization": f"Basic {KEY}"}, []),
        ({"x-api-key": KEY[:-1]}, []),
        ({}, ["sharpen"]),
        ({}, ["sharpen", as_subprotocol(f"{KEY}x")]),
        ({}, ["sharpen.key.", "sharpen.key.a", "sharpen.key._____"]),
    ],
)
async def test_a_stream_without_the_key_is_closed(
    guarded: httpx.AsyncClient, open_stream: Any, headers: dict[str, str], offered: list[str]
) -> None:
    async with open_stream(guarded, headers=headers, offered=offered) as talk:
        problem, closing = await read_refusal(talk)

    assert problem["type"] == "urn:sharpening:problem:unauthorized"
    assert KEY not in str(problem)
    assert closing["code"] == 1008
    assert "key" in closing["reason"]


@pytest.mark.parametrize(
    ("headers", "offered", "chosen"),
    [
        ({"authorization": f"Bearer {KEY}"}, [], None),
        ({"authorization": f"bearer  {KEY}"}, ["other"], None),
        ({"x-api-key": KEY}, [], None),
        ({}, ["sharpen", as_subprotocol(KEY)], "sharpen"),
        ({}, [as_subprotocol(KEY)], as_subprotocol(KEY)),
    ],
)
async def test_the_key_opens_a_stream_in_each_way(
    guarded: httpx.AsyncClient,
    open_stream: Any,
    headers: dict[str, str],
    offered: list[str],
    chosen: str | None,
) -> None:
    async with open_stream(guarded, headers=headers, offered=offered) as talk:
        accepted = await talk.next()
        talk.send(b"text")
        told = await talk.read()

    assert accepted["subprotocol"] == chosen
    assert told["problem"]["status"] == 415


@pytest.mark.parametrize(
    "origin", ["https://elsewhere.example", "http://service:81", "http://service.evil", "null"]
)
async def test_a_page_of_another_origin_opens_no_stream(
    client: httpx.AsyncClient, open_stream: Any, origin: str
) -> None:
    async with open_stream(client, headers={"origin": origin}) as talk:
        start, body = await talk.next(), await talk.next()

    assert start["type"] == "websocket.http.response.start"
    assert start["status"] == 403
    assert b"foreign-origin" in body["body"]
    assert any(name == b"x-request-id" for name, _ in start["headers"])


async def test_a_page_without_an_origin_is_not_the_own_of_a_service_without_a_name(
    client: httpx.AsyncClient, open_stream: Any
) -> None:
    async with open_stream(client, headers={"origin": "null", "host": ""}) as talk:
        assert (await talk.next())["status"] == 403


@pytest.mark.parametrize("origin", ["http://service", "https://service", "HTTPS://SERVICE"])
async def test_its_own_page_may(client: httpx.AsyncClient, open_stream: Any, origin: str) -> None:
    async with open_stream(client, headers={"origin": origin}) as talk:
        assert (await talk.next())["type"] == "websocket.accept"


@pytest.mark.parametrize("origins", [f"https://other.example, {PAGE}", "*"])
async def test_pages_of_an_origin_that_is_set_may(
    settings: Settings, start_client: StartClient, open_stream: Any, origins: str
) -> None:
    opened = settings.model_copy(update={"cors_origins": origins})
    asking = {"origin": PAGE}
    async with start_client(opened) as client, open_stream(client, headers=asking) as talk:
        assert (await talk.next())["type"] == "websocket.accept"


async def test_one_stream_too_many_is_closed_until_another_ends(
    settings: Settings, start_client: StartClient, open_stream: Any
) -> None:
    few = settings.model_copy(update={"max_streams": 1})
    async with start_client(few) as client:
        async with open_stream(client) as first:
            await first.next()
            first.send(b"text")
            await first.read()
            async with open_stream(client) as second:
                problem, closing = await read_refusal(second)
        async with open_stream(client) as third:
            await third.next()
            third.send(b"text")
            told = await third.read()

    assert problem["type"] == "urn:sharpening:problem:too-busy"
    assert problem["retry_after_s"] >= 1
    assert closing["code"] == 1013
    assert told["final"] is False


async def test_before_it_is_ready_and_when_it_stops_there_are_no_streams(
    client: httpx.AsyncClient, settings: Settings, open_stream: Any
) -> None:
    unready = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(settings)))
    async with unready, open_stream(unready) as talk:
        early, early_closing = await read_refusal(talk)
    transport: Any = client._transport
    stop_taking(transport.app)
    async with open_stream(client) as talk:
        late, late_closing = await read_refusal(talk)

    assert early["status"] == late["status"] == 503
    assert (early_closing["code"], late_closing["code"]) == (1013, 1001)


async def test_a_head_that_is_too_long_opens_no_stream(
    client: httpx.AsyncClient, open_stream: Any
) -> None:
    async with open_stream(client, headers={"x-long": "a" * MAX_HEAD_BYTES}) as talk:
        start = await talk.next()

    assert start["status"] == 431


async def test_what_nobody_expects_closes_with_1011_and_its_text_is_in_the_log_only(
    client: httpx.AsyncClient,
    open_stream: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("service.streams.stream.Rate.take", lambda _self: 1 / 0)
    async with open_stream(client) as talk:
        await talk.next()
        talk.send(b"text")
        closing = await talk.next()

    assert (closing["type"], closing["code"]) == ("websocket.close", 1011)
    assert "division" not in closing["reason"]
    assert "division" in caplog.text
