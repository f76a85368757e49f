"""A stream from its opening to its closing: who may have one, and what ends it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from functools import partial

from fastapi import FastAPI
from pydantic_core import to_json
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect

from service.errors import ForeignOriginError, NotReadyError, TooBusyError
from service.keys import check_stream_key, choose_subprotocol
from service.problems import describe_error
from service.resources import Resources, ask_resources, get_resources, is_stopping
from service.streams.messages import Failed
from service.streams.options import read_query
from service.streams.stream import Stream
from sharpening.errors import SharpeningError

_MOST_REASON_BYTES = 123
"""What a closing frame has room for: RFC 6455, section 5.5."""
_CLOSE_S = 5.0


def require_origin(origins: Collection[str]) -> Callable[..., Awaitable[None]]:
    """Return a dependency that raises `ForeignOriginError` for pages of other origins.

    Browsers let any page open a WebSocket to anywhere: RFC 6455, section 10.2. What is no browser
    sends no `Origin`.
    """

    async def check(connection: HTTPConnection) -> None:
        origin = connection.headers.get("origin")
        if origin is None or "*" in origins or origin in origins:
            return
        host = connection.headers.get("host", "")
        if not host or origin.partition("://")[2].lower() != host.lower():
            raise ForeignOriginError(
                f"a page of {origin!r} may not open a stream: set SHARPEN_CORS_ORIGINS to allow it"
            )

    return check


async def serve_stream(websocket: WebSocket) -> None:
    """Accept the stream, converse until its end, and close it.

    One that is refused is accepted all the same: a browser shows its page no other reason than
    that of a closing.
    """
    await websocket.accept(choose_subprotocol(websocket))
    with suppress(WebSocketDisconnect, TimeoutError):
        try:
            await _converse(websocket)
        except SharpeningError as error:
            await _refuse(websocket, error)
        else:
            await _close(websocket, 1000, "no message came for too long")


async def _converse(websocket: WebSocket) -> None:
    app = websocket.app
    resources = get_resources(websocket)
    check_stream_key(websocket, resources.settings.api_key)
    options = read_query(websocket.query_params)
    resources.models.get(options.model)
    note = partial(app.state.telemetry.note_frame, websocket.scope["route"].path)
    stream = Stream(websocket, options, resources.settings, partial(_ask, app), note)
    with resources.streams.enter(stream.stop):
        try:
            await stream.run()
        finally:
            websocket.state.figures = {f"{name}_frames": n for name, n in stream.counts.items()}


def _ask(app: FastAPI) -> Resources:
    """Return what there is now; frames that were taken are finished though the service stops."""
    resources = ask_resources(app)
    if resources is None:
        raise NotReadyError("the service has stopped: send the frame to another one")
    return resources


async def _refuse(websocket: WebSocket, error: SharpeningError) -> None:
    """Close with the problem in full, and in brief as the reason."""
    problem = describe_error(error, websocket.state.request_id)
    async with asyncio.timeout(_CLOSE_S):
        await websocket.send_text(to_json(Failed(None, problem, final=True)).decode())
    await _close(websocket, _choose_code(error, websocket.app), str(error))


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    fitting = reason.encode()[:_MOST_REASON_BYTES].decode(errors="ignore")
    async with asyncio.timeout(_CLOSE_S):
        await websocket.close(code, fitting)


def _choose_code(error: SharpeningError, app: FastAPI) -> int:
    """Return RFC 6455's code for a stream that is refused."""
    match error:
        case NotReadyError() if is_stopping(app):
            return 1001
        case NotReadyError() | TooBusyError():
            return 1013
        case _:
            return 1008
