"""Bytes on their way in and out: counted, bounded, and not waited for without end.

Never parses a body and never makes an answer.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeVar

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyTooLargeError, SlowBodyError, TooBusyError

STRETCH_BYTES = 1024 * 1024
"""What a client must send or read in the time that it has, unless less is left."""

PIECE_BYTES = 64 * 1024
"""Of an answer: the server takes a piece once it has passed on the one before."""

Result = TypeVar("Result")


class Store:
    """A place where bytes are held: the most of one body, and of all together."""

    def __init__(self, max_bytes: int, max_bytes_together: int) -> None:
        self.max_bytes = max_bytes
        self.max_bytes_together = max(max_bytes, max_bytes_together)
        self.held_bytes = 0


class Patience:
    """Waits for a client, `timeout_s` at the most for each stretch, in however many pieces.

    What the service does between two pieces does not count.
    """

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = self._left_s = timeout_s
        self._bytes = 0

    async def wait(self, step: Awaitable[Result]) -> Result:
        """Return what `step` returns; raises `TimeoutError` once the time is over."""
        began_s = time.monotonic()
        async with asyncio.timeout(self._left_s):
            result = await step
        self._left_s -= time.monotonic() - began_s
        return result

    def note(self, size: int) -> None:
        """Take in that so many bytes have passed; each whole stretch gives the time anew."""
        self._bytes += size
        if self._bytes >= STRETCH_BYTES:
            self._bytes, self._left_s = 0, self.timeout_s


class TrafficLimit:
    """ASGI middleware: bounds the bytes of a body, of all bodies together, and the time they take.

    Reading more than its store allows raises `BodyTooLargeError`; a body that declares its length
    is refused before its first byte is read. More in all requests together than the store allows
    raises `TooBusyError`, and a stretch that takes longer than `body_timeout_s` `SlowBodyError`.
    Bodies of the paths in `spooled` are held there, all others in `memory`, as is an answer until
    it is sent. A client that does not read its answer within `send_timeout_s` a stretch has left.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        memory: Store,
        body_timeout_s: float,
        send_timeout_s: float,
        ask_retry_s: Callable[[], float],
        spooled: Mapping[str, Store] = MappingProxyType({}),
    ) -> None:
        self.app = app
        self.memory = memory
        self.body_timeout_s = body_timeout_s
        self.send_timeout_s = send_timeout_s
        self.ask_retry_s = ask_retry_s
        self.spooled = spooled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        store = self.spooled.get(scope["path"], self.memory)
        declared = Headers(scope=scope).get("content-length", "")
        too_large = declared.isdecimal() and int(declared) > store.max_bytes
        patience = Patience(self.body_timeout_s)
        readers = Patience(self.send_timeout_s)
        received = 0
        ended = False

        async def receive_and_count() -> Message:
            nonlocal received, ended
            if too_large:
                raise BodyTooLargeError(store.max_bytes)
            message = await (receive() if ended else _receive_in_time(receive, patience))
            ended = not message.get("more_body", False)
            size = len(message.get("body", b""))
            received += size
            store.held_bytes += size
            if received > store.max_bytes:
                raise BodyTooLargeError(store.max_bytes)
            if size and store.held_bytes > store.max_bytes_together:
                raise self._too_busy()
            return message

        async def send_and_count(message: Message) -> None:
            size = len(message.get("body", b""))
            self.memory.held_bytes += size
            try:
                await _send_in_time(send, message, readers)
            finally:
                self.memory.held_bytes -= size

        try:
            await self.app(scope, receive_and_count, send_and_count)
        finally:
            store.held_bytes -= received

    def _too_busy(self) -> TooBusyError:
        reason = "too many request bodies are held already: try again later"
        return TooBusyError(reason, self.ask_retry_s())


async def _receive_in_time(receive: Receive, patience: Patience) -> Message:
    try:
        message = await patience.wait(receive())
    except TimeoutError as error:
        raise SlowBodyError(
            f"{STRETCH_BYTES} bytes of the request body, or its rest, took longer than "
            f"{patience.timeout_s:g} s: send it faster"
        ) from error
    patience.note(len(message.get("body", b"")))
    return message


async def _send_in_time(send: Send, message: Message, patience: Patience) -> None:
    for piece in _cut(message):
        try:
            await patience.wait(send(piece))
        except TimeoutError as error:
            raise ClientDisconnect from error
        patience.note(len(piece.get("body", b"")))


def _cut(message: Message) -> Iterator[Message]:
    """Yield messages of no more than a piece each that say the same."""
    body = message.get("body", b"")
    last = max(0, (len(body) - 1) // PIECE_BYTES * PIECE_BYTES)
    for start in range(0, last, PIECE_BYTES):
        yield {**message, "body": body[start : start + PIECE_BYTES], "more_body": True}
    yield {**message, "body": body[last:]} if last else message
