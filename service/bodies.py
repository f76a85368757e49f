"""The pictures in request bodies.

Never decodes a picture. Starlette's own limit on parts does not bound files: `traffic` does.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from service.disk import telling_of_full_disk
from service.errors import BrokenFormError
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
        with telling_of_full_disk():
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
