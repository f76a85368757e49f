"""Request bodies: bytes counted before anything parses them, then the pictures in them.

Never decodes a picture. Starlette's own limit on parts does not bound files, hence the counting.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyTooLargeError, BrokenFormError, SlowBodyError, TooBusyError
from sharpening.codec import MEDIA_TYPES
from sharpening.errors import BrokenImageError, ParameterError, UnsupportedImageError

MULTIPART = "multipart/form-data"
_UNTYPED = ("", "application/octet-stream")
_MAX_TEXT_FIELDS = 8

_BINARY: dict[str, Any] = {"type": "string", "format": "binary"}


def _describe_form(required: list[str], *optional: str) -> dict[str, Any]:
    properties = dict.fromkeys((*required, *optional), _BINARY)
    return {"schema": {"type": "object", "required": required, "properties": properties}}


IMAGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            **{media_type: {"schema": _BINARY} for media_type in MEDIA_TYPES.values()},
            MULTIPART: _describe_form(["image"]),
        },
    }
}
"""The OpenAPI description of what `read_image` reads."""

PAIR_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {MULTIPART: _describe_form(["reference"], "image")},
    }
}
"""The OpenAPI description of what `read_pair` reads."""


class BodyLimit:
    """ASGI middleware: counts the bytes of a body as they come, and of all bodies together.

    Reading more than `max_bytes` raises `BodyTooLargeError`; a body that declares its length is
    refused before its first byte is read. More than `max_bytes_together` in all requests at one
    time raises `TooBusyError`, and `timeout_s` without a byte `SlowBodyError`. Paths that keep
    bodies on disk have limits of their own, in `spooled`, and are not counted together.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: int,
        max_bytes_together: int,
        timeout_s: float,
        spooled: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.max_bytes_together = max(max_bytes, max_bytes_together)
        self.timeout_s = timeout_s
        self.spooled = spooled
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        spooled = scope["path"] in self.spooled
        max_bytes = self.spooled.get(scope["path"], self.max_bytes)
        declared = Headers(scope=scope).get("content-length", "")
        too_large = declared.isdecimal() and int(declared) > max_bytes
        received = 0
        ended = False

        async def receive_and_count() -> Message:
            nonlocal received, ended
            if too_large:
                raise BodyTooLargeError(max_bytes)
            message = await (receive() if ended else self._receive_in_time(receive))
            ended = not message.get("more_body", False)
            size = len(message.get("body", b""))
            received += size
            if received > max_bytes:
                raise BodyTooLargeError(max_bytes)
            if not spooled:
                self._hold(size)
            return message

        try:
            await self.app(scope, receive_and_count, send)
        finally:
            if not spooled:
                self._held -= received

    async def _receive_in_time(self, receive: Receive) -> Message:
        try:
            async with asyncio.timeout(self.timeout_s):
                return await receive()
        except TimeoutError as error:
            raise SlowBodyError(
                f"no byte of the request body came for {self.timeout_s:g} s: send it again"
            ) from error

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held > self.max_bytes_together:
            raise TooBusyError("too many request bodies are held already: try again later", 1.0)


async def read_image(request: Request) -> bytes:
    """Return the picture of the request: the body itself, or the multipart file `image`.

    What the picture is, its own bytes say; the `Content-Type` only says where it is. Raises
    `UnsupportedImageError` for other content types, `BrokenImageError` for an empty picture,
    `BrokenFormError` for a form that cannot be read and `ParameterError` for one without it.
    """
    content_type = read_content_type(request)
    if content_type == MULTIPART:
        async with _open_form(request, max_files=1) as form:
            return await _read_file(form, "image")
    if content_type.startswith("image/") or content_type in _UNTYPED:
        return _check_filled(await request.body(), "the request body")
    raise UnsupportedImageError(
        f"the Content-Type is {content_type!r}: send the picture as the body with its own type, "
        f"one of {', '.join(MEDIA_TYPES.values())}, or as the field 'image' of a {MULTIPART}"
    )


async def read_pair(request: Request) -> tuple[bytes, bytes | None]:
    """Return the multipart files `reference` and `image`, the second None where there is none.

    Raises as `read_image` does.
    """
    content_type = read_content_type(request)
    if content_type != MULTIPART:
        raise UnsupportedImageError(
            f"the Content-Type is {content_type!r}: send a {MULTIPART} with the file 'reference' "
            "and, unless it is to be blurred here, the file 'image'"
        )
    async with _open_form(request, max_files=2) as form:
        reference = await _read_file(form, "reference")
        image = await _read_file(form, "image") if "image" in form else None
        return reference, image


def read_content_type(request: Request) -> str:
    """Return the media type of the body, in small letters and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


@asynccontextmanager
async def _open_form(request: Request, *, max_files: int) -> AsyncIterator[FormData]:
    try:
        form = await request.form(max_files=max_files, max_fields=_MAX_TEXT_FIELDS)
    except HTTPException as error:
        raise BrokenFormError(f"the form cannot be read: {error.detail}") from error
    except ValueError as error:  # Starlette asks Python's codecs for any charset that it is told
        raise BrokenFormError(
            f"the form cannot be read ({error}): send it as UTF-8, without a charset"
        ) from error
    try:
        yield form
    finally:
        await form.close()


async def _read_file(form: FormData, name: str) -> bytes:
    entry = form.get(name)
    if not isinstance(entry, UploadFile):
        found = "is text" if entry is not None else "is missing"
        raise ParameterError(f"the form's field {name!r} {found}: send it as a file")
    return _check_filled(await entry.read(), f"the form's file {name!r}")


def _check_filled(data: bytes, what: str) -> bytes:
    if not data:
        raise BrokenImageError(f"{what} is empty: send a picture")
    return data
