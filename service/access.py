"""One id and one log line for each request. Never logs what a body contains."""

import logging
import re
import time
import uuid
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.spans import Spans

logger = logging.getLogger(__name__)

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NEVER_ANSWERED = 499
"""nginx's number, for the log only, for a client that went away before its answer."""


@dataclass(frozen=True)
class Work:
    """What a route tells the log of a request."""

    pixels: int
    spans: Spans

    def __add__(self, other: "Work") -> "Work":
        return Work(self.pixels + other.pixels, self.spans + other.spans)


class AccessLog:
    """ASGI middleware: gives each request an id, answers it as `X-Request-ID`, logs one line.

    An id that the client sends is kept if it is short and plain.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started_s = time.perf_counter()
        state = scope.setdefault("state", {})
        state["request_id"] = _choose_id(Headers(scope=scope).get("x-request-id", ""))
        status = _NEVER_ANSWERED

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = state["request_id"]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            _log(scope, status, (time.perf_counter() - started_s) * 1e3)


def note_work(request: Request, work: Work) -> None:
    """Tell the log line of this request what was done; what was told before is added to."""
    before: Work | None = getattr(request.state, "work", None)
    request.state.work = work if before is None else before + work


def _choose_id(sent: str) -> str:
    return sent if _SAFE_ID.fullmatch(sent) else uuid.uuid4().hex


def _log(scope: Scope, status: int, total_ms: float) -> None:
    work: Work | None = scope["state"].get("work")
    details = ""
    if work is not None:
        details = (
            f" pixels={work.pixels} queue_ms={work.spans.queue_s * 1e3:.1f}"
            f" model_ms={work.spans.model_s * 1e3:.1f}"
        )
    logger.info(
        "%s %s status=%d id=%s total_ms=%.1f%s",
        scope["method"],
        quote(scope["path"]),
        status,
        scope["state"]["request_id"],
        total_ms,
        details,
    )
