"""One side of a WebSocket, played straight into the application: what is sent waits to be read."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest

PATIENCE_S = 20
HOST = "service"
Message = dict[str, Any]


class Conversation:
    """A client that has what the application sends only once it reads."""

    def __init__(self, app: Any, query: str, headers: dict[str, str], offered: list[str]) -> None:
        raw = {"host": HOST, **headers}
        self.scope = {
            "type": "websocket",
            "path": "/stream",
            "query_string": query.encode(),
            "headers": [(name.encode(), text.encode()) for name, text in raw.items()],
            "subprotocols": offered,
            "extensions": {"websocket.http.response": {}},
        }
        self.reading = asyncio.Event()
        self.reading.set()
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self.blocked = 0
        self.task = asyncio.create_task(app(self.scope, self._to_app.get, self._send))
        self._to_app.put_nowait({"type": "websocket.connect"})

    async def _send(self, message: Message) -> None:
        self.blocked += 1
        await self.reading.wait()
        self.blocked -= 1
        self._from_app.put_nowait(message)

    def send(self, message: bytes | str) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        self._to_app.put_nowait({"type": "websocket.receive", kind: message})

    def leave(self) -> None:
        self._to_app.put_nowait({"type": "websocket.disconnect", "code": 1005})

    @property
    def unread_by_app(self) -> int:
        return self._to_app.qsize()

    async def next(self) -> Message:
        """Return the next message as the application sent it."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._from_app.get()

    async def read(self) -> Message:
        """Return what the next message says: the JSON, with the picture of an answer in it."""
        message = await self.next()
        if message["type"] != "websocket.send":
            return message
        if "text" in message:
            return json.loads(message["text"])
        (length,) = struct.unpack_from("<I", message["bytes"])
        header = json.loads(message["bytes"][4 : 4 + length])
        return {**header, "picture": message["bytes"][4 + length :]}


@pytest.fixture
def open_stream() -> Callable[..., Any]:
    """Open a stream at the application of a client; it is left in the end."""

    @asynccontextmanager
    async def open_(
        client: httpx.AsyncClient,
        query: str = "format=raw",
        *,
        headers: dict[str, str] | None = None,
        offered: list[str] | None = None,
    ) -> AsyncIterator[Conversation]:
        transport: Any = client._transport
        conversation = Conversation(transport.app, query, headers or {}, offered or [])
        try:
            yield conversation
        finally:
            conversation.reading.set()
            conversation.leave()
            async with asyncio.timeout(PATIENCE_S):
                await conversation.task

    return open_


@pytest.fixture
def to_raw() -> Callable[[np.ndarray], bytes]:
    def pack(pixels: np.ndarray) -> bytes:
        height, width = pixels.shape[:2]
        return struct.pack("<4sII", b"RGB8", width, height) + pixels.tobytes()

    return pack


@pytest.fixture
def until() -> Callable[..., Any]:
    """Wait for something to become true in this event loop."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.001)

    return wait
