"""Telling whoever waits how far a request is."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import httpx

_PIECE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Progress:
    """How far a request is: bytes sent of a body, or pictures judged of a batch."""

    phase: Literal["upload", "pictures"]
    done: int
    total: int | None
    """None where nobody knows, as of the pictures in a zip."""


Notify = Callable[[Progress], None]


class CountedStream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A request's body that tells how much of it has been taken; sent as often as asked."""

    def __init__(self, request: httpx.Request, notify: Notify) -> None:
        length = request.headers.get("content-length")
        self._stream = request.stream
        self._total = None if length is None else int(length)
        self._notify = notify

    def __iter__(self) -> Iterator[bytes]:
        assert isinstance(self._stream, httpx.SyncByteStream)
        sent = 0
        for chunk in self._stream:
            for piece in _cut(chunk):
                yield piece
                sent += len(piece)
                self._tell(sent)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._stream, httpx.AsyncByteStream)
        sent = 0
        async for chunk in self._stream:
            for piece in _cut(chunk):
                yield piece
                sent += len(piece)
                self._tell(sent)

    def _tell(self, sent: int) -> None:
        self._notify(Progress("upload", sent, self._total))


def _cut(chunk: bytes) -> Iterator[bytes]:
    for start in range(0, len(chunk), _PIECE_BYTES):
        yield chunk[start : start + _PIECE_BYTES]
