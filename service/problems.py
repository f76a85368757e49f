"""The one table from errors to HTTP, as `application/problem+json` (RFC 9457).

Never lets the text of an unexpected error out: it goes to the log, under the request's id.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import (
    BodyTooLargeError,
    BrokenArchiveError,
    BrokenFormError,
    FileTooLargeError,
    ForeignOriginError,
    HeadTooLargeError,
    InvalidOptionsError,
    MissingGraphError,
    NotAcceptableError,
    NotReadyError,
    PairError,
    SlowBodyError,
    TooBusyError,
    TooManyPicturesError,
    UnauthorizedError,
    UnknownModelError,
)
from sharpening.errors import (
    BrokenImageError,
    CannotEncodeError,
    ImageError,
    ImageTooLargeError,
    ParameterError,
    SharpeningError,
    SizeMismatchError,
    UnsupportedImageError,
)

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:sharpening:problem:"

Extensions = Mapping[str, JsonValue]


@dataclass(frozen=True)
class Kind:
    """One sort of problem: its status, the stable end of its type URI, and its title."""

    status: int
    slug: str
    title: str


KINDS: dict[type[SharpeningError], Kind] = {
    BrokenArchiveError: Kind(400, "broken-archive", "The zip cannot be read"),
    BrokenFormError: Kind(400, "broken-form", "The form cannot be read"),
    BrokenImageError: Kind(400, "broken-image", "The picture is damaged"),
    UnauthorizedError: Kind(401, "unauthorized", "The API key is missing or wrong"),
    ForeignOriginError: Kind(403, "foreign-origin", "Pages of this origin may not open a stream"),
    UnknownModelError: Kind(404, "unknown-model", "No such model"),
    MissingGraphError: Kind(404, "no-graph", "The model has no ONNX graph"),
    NotAcceptableError: Kind(406, "not-acceptable", "No accepted format can hold the answer"),
    SlowBodyError: Kind(408, "slow-body", "The request did not come in time"),
    BodyTooLargeError: Kind(413, "body-too-large", "The request has too many bytes"),
    FileTooLargeError: Kind(413, "file-too-large", "A file has too many bytes"),
    ImageTooLargeError: Kind(413, "image-too-large", "The picture has too many pixels"),
    TooManyPicturesError: Kind(413, "too-many-pictures", "The batch has too many pictures"),
    UnsupportedImageError: Kind(415, "unsupported-image", "Pictures of this kind are not handled"),
    CannotEncodeError: Kind(422, "cannot-encode", "The format cannot hold the picture"),
    SizeMismatchError: Kind(422, "size-mismatch", "The pictures differ in size"),
    ImageError: Kind(422, "unusable-image", "The picture cannot be used for this"),
    PairError: Kind(422, "no-pair", "The files do not make a pair"),
    ParameterError: Kind(422, "bad-parameter", "A parameter is missing or out of range"),
    HeadTooLargeError: Kind(431, "head-too-large", "The request's headers are too long"),
    TooBusyError: Kind(429, "too-busy", "The service has too much to do"),
    NotReadyError: Kind(503, "not-ready", "The service is not ready"),
}
"""Errors that are not here, nor below one that is, are unexpected: 500."""

_UNEXPECTED = Kind(500, "unexpected", "The service failed")
_QUOTE_ID = "an unexpected error; quote the request_id to the operator"
_CUT_OFF = "the service is stopping and could not wait for the end of this request: send it again"


class Problem(BaseModel):
    """The body of every answer that is not a success; more members may stand beside these."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Stable; `urn:sharpening:problem:` and a short name.")
    title: str
    status: int
    detail: str = Field(description="What was wrong, what was expected and what to do.")
    request_id: str = Field(description="The same as the header `X-Request-ID`.")


def describe_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of an OpenAPI operation that can fail in these ways."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }


def install_problems(app: FastAPI) -> None:
    """Answer every error of the table, and FastAPI's own, as a problem."""
    for error_type in KINDS:
        app.add_exception_handler(error_type, _answer_domain_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid_request)
    app.add_exception_handler(HTTPException, _answer_http_exception)


def describe_error(error: Exception, request_id: str) -> Problem:
    """Return the problem that one of many pictures had; an unexpected one goes to the log."""
    kind = _find_kind(error)
    if kind is not None:
        return _build(kind, str(error), request_id, _extend(error))
    logger.error("unexpected error, id=%s", request_id, exc_info=error)
    return _build(_UNEXPECTED, _QUOTE_ID, request_id, {})


class UnexpectedErrors:
    """ASGI middleware: an error that nothing else answered becomes a 500 and a log entry.

    A request that the server cuts off, because its time to drain is over, is told so by a 503. A
    WebSocket is closed with 1011; one that is cut off is closed by the server itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._converse(scope, receive, send)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            if started:
                raise
            await _respond(request, KINDS[NotReadyError], _CUT_OFF)(scope, receive, send)
        except Exception:
            logger.exception("unexpected error, id=%s", request.state.request_id)
            if not started:
                await _respond(request, _UNEXPECTED, _QUOTE_ID)(scope, receive, send)

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except asyncio.CancelledError:
            return
        except Exception:
            request_id = scope["state"]["request_id"]
            logger.exception("unexpected error, id=%s", request_id)
            with suppress(OSError):  # it has left
                reason = f"unexpected; id {request_id}"
                await send({"type": "websocket.close", "code": 1011, "reason": reason})


def _respond(
    request: Request,
    kind: Kind,
    detail: str,
    *,
    extensions: Extensions | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    problem = _build(kind, detail, request.state.request_id, extensions or {})
    return Response(problem.model_dump_json(), kind.status, headers, MEDIA_TYPE)


def _build(kind: Kind, detail: str, request_id: str, extensions: Extensions) -> Problem:
    return Problem(
        type=_TYPE_PREFIX + kind.slug,
        title=kind.title,
        status=kind.status,
        detail=detail,
        request_id=request_id,
        **extensions,
    )


def _find_kind(error: Exception) -> Kind | None:
    return next((KINDS[known] for known in type(error).__mro__ if known in KINDS), None)


async def _answer_domain_error(request: Request, error: Exception) -> Response:
    kind = _find_kind(error)
    assert kind is not None  # it is the table that this was registered for
    return _respond(
        request, kind, str(error), extensions=_extend(error), headers=_list_headers(error)
    )


async def _answer_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    reasons = [(str(entry["loc"][-1]), entry["msg"]) for entry in error.errors()]
    detail = "; ".join(f"{parameter}: {message}" for parameter, message in reasons)
    extensions = {"invalid": _list_invalid(reasons)}
    return _respond(request, KINDS[ParameterError], detail, extensions=extensions)


def _list_invalid(reasons: Iterable[tuple[str, str]]) -> JsonValue:
    return [{"parameter": parameter, "message": message} for parameter, message in reasons]


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    kind = Kind(error.status_code, phrase.lower().replace(" ", "-"), phrase)
    return _respond(request, kind, str(error.detail), headers=error.headers)


def _list_headers(error: Exception) -> Mapping[str, str]:
    match error:
        case TooBusyError():
            return {"Retry-After": str(error.retry_after_s)}
        case UnauthorizedError():
            return {"WWW-Authenticate": "Bearer"}
        case _:
            return {}


def _extend(error: Exception) -> Extensions:
    match error:
        case ImageTooLargeError():
            return {
                "limit_megapixels": error.limit_megapixels,
                "got_megapixels": error.got_megapixels,
            }
        case BodyTooLargeError() | FileTooLargeError():
            return {"limit_bytes": error.limit_bytes}
        case TooManyPicturesError():
            return {"limit_pictures": error.limit_pictures}
        case TooBusyError():
            return {"retry_after_s": error.retry_after_s}
        case InvalidOptionsError():
            return {"invalid": _list_invalid(error.invalid.items())}
        case UnknownModelError():
            return {"known_models": list(error.known_models)}
        case _:
            return {}
