"""One id and one log line for each request. Never logs what a body contains."""

import logging
import re
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.logs import request_id
from service.spans import Spans

logger = logging.getLogger(__name__)

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NEVER_ANSWERED = 499
"""nginx's number, for the log only, for a client that went away before its answer."""

_SWITCHED = 101
_STARTS = {
    "http": {"http.response.start"},
    "websocket": {"websocket.accept", "websocket.http.response.start"},
}
"""The messages that begin an answer, by the kind of connection."""

_NO_ROUTE = "none"
"""The route of what leads nowhere."""


@dataclass(frozen=True)
class Work:
    """What a route tells the log and the metrics of each picture of a request."""

    pixels: int
    spans: Spans


Observe = Callable[[str, int, float, Sequence[Work]], None]


def _observe_nothing(_route: str, _status: int, _seconds: float, _works: Sequence[Work]) -> None:
    """Be content with the log."""


class AccessLog:
    """ASGI middleware: gives each request an id, answers it as `X-Request-ID`, logs one line.

    An id that the client sends is kept if it is short and plain. A WebSocket has its line at its
    end, with the status of its opening, and whatever figures its state has by then.
    """

    def __init__(self, app: ASGIApp, *, observe: Observe = _observe_nothing) -> None:
        """`observe` is told of each request what `Telemetry.note_request` takes."""
        self.app = app
        self.observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in _STARTS:
            await self.app(scope, receive, send)
            return
        started_s = time.perf_counter()
        state = scope.setdefault("state", {})
        state["request_id"] = _choose_id(Headers(scope=scope).get("x-request-id", ""))
        token = request_id.set(state["request_id"])
        status = _NEVER_ANSWERED

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] in _STARTS[scope["type"]]:
                status = message.get("status", _SWITCHED)
                message.setdefault("headers", [])
                MutableHeaders(scope=message)["X-Request-ID"] = state["request_id"]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            total_s = time.perf_counter() - started_s
            self.observe(_name_route(scope), status, total_s, state.get("works", ()))
            _log(scope, status, total_s)
            request_id.reset(token)


def note_work(request: Request, work: Work) -> None:
    """Tell what was done for one picture of this request; the log line adds them up."""
    works: list[Work] = request.scope["state"].setdefault("works", [])
    works.append(work)


def _choose_id(sent: str) -> str:
    return sent if _SAFE_ID.fullmatch(sent) else uuid.uuid4().hex


def _name_route(scope: Scope) -> str:
    """Return the template of the path, which unlike the path itself is one of a few."""
    return str(getattr(scope.get("route"), "path", _NO_ROUTE))


def _log(scope: Scope, status: int, total_s: float) -> None:
    works: Sequence[Work] = scope["state"].get("works", ())
    figures: dict[str, object] = {"total_ms": round(total_s * 1e3, 1)}
    if works:
        figures |= {
            "pixels": sum(work.pixels for work in works),
            "queue_ms": round(sum(work.spans.queue_s for work in works) * 1e3, 1),
            "model_ms": round(sum(work.spans.model_s for work in works) * 1e3, 1),
        }
    figures |= scope["state"].get("figures", {})
    method, path = scope.get("method", "GET"), quote(scope["path"])
    logger.info(
        "%s %s status=%d id=%s %s",
        method,
        path,
        status,
        scope["state"]["request_id"],
        " ".join(f"{name}={value}" for name, value in figures.items()),
        extra={"fields": {"method": method, "path": path, "status": status, **figures}},
    )
