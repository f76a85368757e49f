"""What the client makes of the messages and the ends of a stream, by a server that plays them."""

import asyncio
import http
import json
import struct
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from service.client import (
    AccessDeniedError,
    AsyncSharpenClient,
    BusyError,
    ClientError,
    DroppedFrame,
    FailedFrame,
    FrameAnswer,
    InvalidAnswerError,
    NotReachedError,
    PictureRefusedError,
    RefusedError,
    SharpenedFrame,
    UnavailableError,
    pack_raw,
)
from service.client.stream import read_message

pytestmark = pytest.mark.anyio

HEADER = {
    "sequence": 7,
    "width": 4,
    "height": 2,
    "format": "raw",
    "model": "student@0123456789ab",
    "strength": 0.5,
    "dropped": 3,
    "timings_ms": {"wait": 1.0},
}
PROBLEM = {"type": "urn:sharpening:problem:too-busy", "title": "Busy", "status": 429}
Play = Callable[[ServerConnection], Awaitable[None]]


def pack(header: object, picture: bytes = b"picture") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + picture


async def collect(play: Play) -> list[FrameAnswer]:
    """Return what a client yields of a server that does `play`."""
    async with serve(play, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with (
            asyncio.timeout(20),
            AsyncSharpenClient(f"http://127.0.0.1:{port}", api_key="secret") as client,
            client.stream(model="teacher", strength=0.5) as stream,
        ):
            return [answer async for answer in stream]


async def test_messages_become_values_and_what_is_unknown_in_them_is_left_out() -> None:
    async def play(connection: ServerConnection) -> None:
        await connection.send(pack({**HEADER, "new": 1}))
        await connection.send(json.dumps({"type": "dropped", "sequence": 8, "reason": "busy"}))
        await connection.send(json.dumps({"type": "error", "sequence": 9, "problem": PROBLEM}))

    sharpened, dropped, failed = await collect(play)

    assert sharpened == SharpenedFrame(**HEADER, data=b"picture")
    assert dropped == DroppedFrame(sequence=8, reason="busy")
    assert isinstance(failed, FailedFrame)
    assert (failed.sequence, failed.problem.status) == (9, 429)


async def test_the_key_and_the_options_are_sent() -> None:
    seen: dict[str, Any] = {}

    async def play(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen["path"] = connection.request.path
        seen["key"] = connection.request.headers["Authorization"]

    await collect(play)

    assert seen == {"path": "/stream?model=teacher&strength=0.5", "key": "Bearer secret"}


async def test_the_last_problem_is_raised() -> None:
    async def play(connection: ServerConnection) -> None:
        told = {"type": "error", "sequence": None, "problem": PROBLEM, "final": True}
        await connection.send(json.dumps(told))
        await connection.close(1013, "busy")

    with pytest.raises(BusyError, match="Busy"):
        await collect(play)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (1008, RefusedError),
        (1009, PictureRefusedError),
        (1013, BusyError),
        (1011, NotReachedError),
        (4000, NotReachedError),
    ],
)
async def test_a_closing_without_a_problem_is_an_error_by_its_code(
    code: int, error: type[ClientError]
) -> None:
    async def play(connection: ServerConnection) -> None:
        await connection.close(code, "because")

    with pytest.raises(error, match="because"):
        await collect(play)


async def test_a_stream_that_breaks_off_is_told_and_can_be_opened_again() -> None:
    async def play(connection: ServerConnection) -> None:
        connection.transport.abort()

    with pytest.raises(NotReachedError, match="open another") as broken:
        await collect(play)
    assert broken.value.worth_repeating


async def test_sending_into_a_closed_stream_is_told() -> None:
    async def play(connection: ServerConnection) -> None:
        await connection.close(1000, "no message")

    async with serve(play, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with (
            AsyncSharpenClient(f"http://127.0.0.1:{port}") as client,
            client.stream() as stream,
        ):
            assert [answer async for answer in stream] == []
            with pytest.raises(NotReachedError, match="no message"):
                await stream.send(b"frame")


@pytest.mark.parametrize(
    ("status", "error"), [(403, AccessDeniedError), (503, UnavailableError), (429, BusyError)]
)
async def test_an_answer_without_a_stream_is_its_problem(
    status: int, error: type[ClientError]
) -> None:
    def refuse(connection: ServerConnection, _request: object) -> Any:
        text = json.dumps({**PROBLEM, "status": status, "detail": "because"})
        return connection.respond(http.HTTPStatus(status), text)

    async def play(_connection: ServerConnection) -> None:
        pytest.fail("it was refused")

    async with serve(play, "127.0.0.1", 0, process_request=refuse) as server:
        port = server.sockets[0].getsockname()[1]
        async with AsyncSharpenClient(f"http://127.0.0.1:{port}") as client:
            with pytest.raises(error, match="because"):
                async with client.stream():
                    pass


async def test_where_nobody_listens_it_is_told() -> None:
    async with AsyncSharpenClient("http://127.0.0.1:9") as client:
        with pytest.raises(NotReachedError, match="opened no stream"):
            async with client.stream():
                pass


async def test_without_the_package_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "websockets.asyncio.client", None)
    async with AsyncSharpenClient("http://127.0.0.1:9") as client:
        with pytest.raises(ClientError, match="pip install"):
            async with client.stream():
                pass


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x00",
        b"\xff\xff\xff\xff{}",
        pack([1]),
        pack("text"),
        pack({**HEADER, "width": "wide"}),
        "",
        "text",
        "{}",
        '{"type": "dropped"}',
        '{"type": "unheard-of"}',
    ],
)
def test_a_message_that_is_none_of_the_apis_is_refused(message: str | bytes) -> None:
    with pytest.raises(InvalidAnswerError):
        read_message(message)


def test_a_raw_frame_has_all_its_pixels() -> None:
    assert pack_raw(2, 1, b"abcdef") == b"RGB8\x02\x00\x00\x00\x01\x00\x00\x00abcdef"
    with pytest.raises(ValueError, match="7 bytes"):
        pack_raw(2, 1, b"abcdefg")
