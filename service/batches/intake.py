"""A batch as it comes: a form of files or a zip, written to a spool and then listed.

Never holds a body in memory and never decodes a picture.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from service.batches.archive import list_archive
from service.batches.files import Entry, File, Role, pair_files
from service.batches.form import FormReader, Part, read_part
from service.batches.spool import Spool
from service.bodies import MULTIPART, read_content_type
from service.settings import Settings
from sharpening.errors import ParameterError, UnsupportedImageError

_ZIP_TYPES = ("application/zip", "application/x-zip-compressed")
_ARCHIVE = "archive"
_ROLES: dict[str, Role] = {"reference": "reference", "image": "image"}

_BINARY: dict[str, Any] = {"type": "string", "format": "binary"}
_FILES: dict[str, Any] = {"type": "array", "items": _BINARY}

BATCH_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Pairs of one file name, as any number of files `reference` and `image`; or "
        "one zip with the folders `reference/` and `image/`. Without any image the references are "
        "blurred as the profile of the models says.",
        "content": {
            MULTIPART: {
                "schema": {
                    "type": "object",
                    "properties": {"reference": _FILES, "image": _FILES, _ARCHIVE: _BINARY},
                }
            },
            _ZIP_TYPES[0]: {"schema": _BINARY},
        },
    }
}
"""The OpenAPI description of what `receive_batch` reads."""


async def receive_batch(request: Request, spool: Spool, settings: Settings) -> Sequence[Entry]:
    """Write the body to `spool` as it comes and return what is in it, by name.

    Raises `UnsupportedImageError` for other content types, `ParameterError` where there is no
    reference, and what `FormReader`, `list_archive` and `pair_files` raise.
    """
    content_type = read_content_type(request)
    if content_type == MULTIPART:
        parts = await _receive_form(request, spool, settings)
        if any(part.field == _ARCHIVE for part in parts):
            _check_alone(parts)
            return await run_in_threadpool(_open_archive, spool, settings)
        return pair_files(
            _list_form(spool, parts, settings), max_pictures=settings.max_batch_pictures
        )
    if content_type in _ZIP_TYPES:
        async for chunk in request.stream():
            await run_in_threadpool(spool.append, chunk)
        await run_in_threadpool(spool.finish)
        return await run_in_threadpool(_open_archive, spool, settings)
    raise UnsupportedImageError(
        f"the Content-Type is {content_type!r}: send a {MULTIPART} with files 'reference' and "
        f"'image', or a zip as its file {_ARCHIVE!r} or as the body, {_ZIP_TYPES[0]}"
    )


async def _receive_form(request: Request, spool: Spool, settings: Settings) -> list[Part]:
    form = FormReader(
        request.headers["content-type"], spool, max_pictures=settings.max_batch_pictures
    )
    async for chunk in request.stream():
        await run_in_threadpool(form.feed, chunk)
    await run_in_threadpool(form.finish)
    return form.parts


def _check_alone(parts: Sequence[Part]) -> None:
    """Raise unless the archive is the only file, so that the spool is just the archive."""
    if len(parts) > 1:
        raise ParameterError(f"beside the file {_ARCHIVE!r} there are others: send either")


def _list_form(spool: Spool, parts: Sequence[Part], settings: Settings) -> Iterator[File]:
    for part in parts:
        read = partial(read_part, spool, part, max_bytes=settings.max_body_bytes)
        yield File(_ROLES.get(part.field), part.name, read)


def _open_archive(spool: Spool, settings: Settings) -> Sequence[Entry]:
    files = list_archive(
        spool, max_bytes=settings.max_batch_bytes, max_file_bytes=settings.max_body_bytes
    )
    return pair_files(files, max_pictures=settings.max_batch_pictures)
