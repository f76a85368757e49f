"""A stream of frames: what goes over the WebSocket, as values and as errors of this tree.

The package `websockets` is imported only when a stream is opened.
"""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Unpack

import httpx
from pydantic import BaseModel, TypeAdapter

from service.client.answers import DroppedFrame, FailedFrame, FrameAnswer, Problem, SharpenedFrame
from service.client.calls import SharpenOptions
from service.client.errors import (
    ClientError,
    InvalidAnswerError,
    NotReachedError,
    explain_answer,
    refuse,
    translate_errors,
)

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import ConnectionClosed

_MOST_UNREAD = 4
"""Messages that wait here to be iterated over; then the service waits, and drops frames."""

_PATH = "stream"
_RAW_HEADER = struct.Struct("<4sII")
_LENGTH = struct.Struct("<I")
_STATUSES = {1001: 503, 1008: 422, 1009: 413, 1013: 429}
"""What HTTP would have said, by the code of a closing that no problem came before."""


class _Told(BaseModel):
    """A text message, as far as it says which one it is."""

    type: str
    final: bool = False


_HEADER: TypeAdapter[SharpenedFrame] = TypeAdapter(SharpenedFrame)


def pack_raw(width: int, height: int, pixels: bytes) -> bytes:
    """Return a raw frame; `pixels` are RGB, a byte each, row by row from the top.

    Raises `ValueError` if there are not as many as the size says.
    """
    expected = width * height * 3
    if len(pixels) != expected:
        raise ValueError(f"{len(pixels)} bytes; {width}x{height} px of RGB are {expected}")
    return _RAW_HEADER.pack(b"RGB8", width, height) + pixels


class FrameStream:
    """Frames to the service and back; one task may send while another iterates.

    Who sends without reading has frames dropped, never more and more of them waiting.
    """

    def __init__(self, connection: "ClientConnection") -> None:
        self._connection = connection
        self._sent = 0

    async def send(self, frame: bytes) -> int:
        """Send a picture's file or what `pack_raw` returns; return its `sequence`."""
        await self._send(frame)
        self._sent += 1
        return self._sent - 1

    async def change(self, **options: Unpack[SharpenOptions]) -> None:
        """Say how the frames sent from now on are to be sharpened; the other options stay."""
        await self._send(json.dumps(options))

    async def __aiter__(self) -> AsyncIterator[FrameAnswer]:
        """Yield what becomes of each frame, until the service closes the stream as it is idle.

        Raises an error of the tree where it is closed for any other reason.
        """
        with _translate_closing():
            async for message in self._connection:
                yield read_message(message)

    async def _send(self, message: bytes | str) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send(message)
        except ConnectionClosed as error:
            raise _explain_closing(error) from error


@asynccontextmanager
async def open_stream(
    http: httpx.AsyncClient, options: SharpenOptions
) -> AsyncIterator[FrameStream]:
    """Open a stream where `http` asks, with its key; close it in the end."""
    try:
        from websockets.asyncio.client import connect
    except ImportError as error:
        raise ClientError(
            "streams need the package websockets: install it with "
            '`pip install "sharpening-service[client]"`'
        ) from error
    with translate_errors():
        request = http.build_request("GET", _PATH, params=_to_query(options))
    url = request.url.copy_with(scheme="wss" if request.url.scheme == "https" else "ws")
    key = {name: text for name, text in http.headers.items() if name == "authorization"}
    with _translate_opening(request):
        connection = await connect(
            str(url),
            additional_headers=key,
            compression=None,
            open_timeout=http.timeout.connect,
            max_size=None,
            max_queue=_MOST_UNREAD,
        )
    try:
        yield FrameStream(connection)
    finally:
        await asyncio.gather(connection.close(), _read_rest(connection))


async def _read_rest(connection: "ClientConnection") -> None:
    """Read what nobody iterated over: behind it comes the service's word that it is closed."""
    from websockets.exceptions import ConcurrencyError, ConnectionClosed

    with suppress(ConcurrencyError, ConnectionClosed):  # another task may be at it still
        async for _ in connection:
            pass


def read_message(message: str | bytes) -> FrameAnswer:
    """Return what one message of the service says; raises its problem if that is the last word.

    Raises `InvalidAnswerError` for a message that is none of this API's.
    """
    try:
        return _read_text(message) if isinstance(message, str) else _read_answer(message)
    except (TypeError, ValueError, struct.error) as error:
        raise InvalidAnswerError(f"the message is not as this API's are: {error}") from error


def _read_answer(message: bytes) -> SharpenedFrame:
    (length,) = _LENGTH.unpack_from(message)
    start = _LENGTH.size + length
    header = json.loads(message[_LENGTH.size : start])
    return _HEADER.validate_python({**header, "data": message[start:]})


def _read_text(message: str) -> DroppedFrame | FailedFrame:
    told = _Told.model_validate_json(message)
    if told.type == "dropped":
        return DroppedFrame.model_validate_json(message)
    failed = FailedFrame.model_validate_json(message)
    if told.final:
        raise refuse(failed.problem)
    return failed


def _to_query(options: SharpenOptions) -> Mapping[str, str]:
    return {name: str(value) for name, value in options.items() if value is not None}


@contextmanager
def _translate_opening(request: httpx.Request) -> Iterator[None]:
    from websockets.exceptions import InvalidStatus, WebSocketException

    try:
        yield
    except InvalidStatus as error:
        said = error.response
        answer = httpx.Response(
            said.status_code, headers=dict(said.headers), content=bytes(said.body), request=request
        )
        raise explain_answer(answer) from error
    except (WebSocketException, OSError) as error:
        raise NotReachedError(f"{request.url} opened no stream: {error}") from error


@contextmanager
def _translate_closing() -> Iterator[None]:
    from websockets.exceptions import ConnectionClosed

    try:
        yield
    except ConnectionClosed as error:
        raise _explain_closing(error) from error


def _explain_closing(error: "ConnectionClosed") -> ClientError:
    """Return the error that the closing of a stream stands for."""
    code = error.rcvd.code if error.rcvd else None
    reason = error.rcvd.reason if error.rcvd else ""
    if code not in _STATUSES:
        return NotReachedError(f"the stream is closed ({reason or error}): open another one")
    title = "The stream was closed"
    return refuse(Problem(title=title, status=_STATUSES[code], detail=reason))
