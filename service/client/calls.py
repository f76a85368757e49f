"""Each verb of the API as a value: what to send, and how to read what comes back.

Sends nothing: both clients do that, each in its own way. A call can be built any number of times,
which is what makes it safe to repeat.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from os import PathLike
from pathlib import Path
from typing import Generic, TypedDict, TypeVar

import httpx
from pydantic import TypeAdapter

from service.client.answers import (
    BatchLine,
    Evaluation,
    Health,
    ModelDescription,
    Picture,
    PictureFailure,
    PictureScores,
    Sharpened,
    SummaryLine,
)
from service.client.errors import read_problem
from service.client.files import PathFile
from service.client.progress import CountedStream, Notify

Source = bytes | str | PathLike[str]
"""A picture's file: its bytes, or where it is."""

Answer = TypeVar("Answer")

_MODELS = TypeAdapter(list[ModelDescription])
_SPAN = re.compile(r"([\w-]+)\s*;\s*dur=(\d+(?:\.\d+)?)")


class SharpenOptions(TypedDict, total=False):
    """What `sharpen` can be told; the service has the defaults."""

    model: str
    """student, teacher, profile/role, or role@digest."""
    strength: float
    """0 (the picture as it is) to 2; 1 is what the network says."""
    format: str
    """png, jpeg, webp, ...; as sent if it is not given."""
    quality: int
    """1 to 100."""


@dataclass(frozen=True)
class Pair:
    """A sharp picture and the blurred one of it, under the name that they have in the answer."""

    name: str
    reference: Source
    image: Source | None = None


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """A request and the way to read its answer."""

    method: str
    path: str
    read: Callable[[httpx.Response], Answer]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Source | None = None
    files: Sequence[tuple[str, str, Source]] = ()
    """Field, file name and file of each part of a form."""
    expected: frozenset[int] = frozenset({200})
    notify: Notify | None = None

    def build(self, http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """Return the request; opens the files anew, and `OSError` says which cannot be."""
        files = [(field, (name, _open(source))) for field, name, source in self.files]
        request = http.build_request(
            self.method,
            self.path.removeprefix("/"),
            params=self.query or None,
            content=None if self.body is None else _read(self.body),
            headers=None if self.body is None else {"Content-Type": "application/octet-stream"},
            files=files or None,
        )
        if self.notify is not None:
            request.stream = CountedStream(request, self.notify)
        return request


def call_sharpen(
    image: Source, options: SharpenOptions, notify: Notify | None = None
) -> Call[Sharpened]:
    """Return the call that sharpens a picture."""
    query = {name: str(value) for name, value in options.items() if value is not None}
    return Call("POST", "/sharpen", _read_sharpened, query=query, body=image, notify=notify)


def call_degrade(
    image: Source, notify: Notify | None = None, *, profile: str | None = None
) -> Call[Picture]:
    """Return the call that blurs a sharp picture."""
    query = _name_profile(profile)
    return Call("POST", "/degrade", _read_picture, query=query, body=image, notify=notify)


def call_evaluate(
    reference: Source,
    image: Source | None,
    notify: Notify | None = None,
    *,
    profile: str | None = None,
) -> Call[Evaluation]:
    """Return the call that judges a pair; without `image` the service blurs the reference."""
    files = [("reference", "reference", reference)]
    if image is not None:
        files.append(("image", "image", image))
    query = _name_profile(profile)
    return Call("POST", "/evaluate", _read_evaluation, query=query, files=files, notify=notify)


def call_batch(
    pictures: Sequence[Pair] | str | PathLike[str],
    notify: Notify | None,
    *,
    profile: str | None = None,
) -> Call[None]:
    """Return the call that judges many pairs, or a zip of them; its answer is read in lines."""
    if isinstance(pictures, str | PathLike):
        files: list[tuple[str, str, Source]] = [("archive", Path(pictures).name, pictures)]
    else:
        files = []
        for pair in pictures:
            files.append(("reference", pair.name, pair.reference))
            if pair.image is not None:
                files.append(("image", pair.name, pair.image))
    query = _name_profile(profile)
    return Call("POST", "/evaluate/batch", lambda _: None, query=query, files=files, notify=notify)


def _name_profile(profile: str | None) -> dict[str, str]:
    return {} if profile is None else {"profile": profile}


def call_models() -> Call[list[ModelDescription]]:
    """Return the call that lists what is loaded."""
    return Call("GET", "/models", lambda answer: _MODELS.validate_json(answer.content))


def call_health() -> Call[Health]:
    """Return the call that asks whether the service is ready."""
    return Call("GET", "/health/ready", _read_health, expected=frozenset({200, 503}))


def read_line(line: str) -> BatchLine:
    """Return what one line of a batch's answer says."""
    said = _LINE.validate_json(line)
    return said.summary if isinstance(said, SummaryLine) else said


_LINE: TypeAdapter[PictureScores | PictureFailure | SummaryLine] = TypeAdapter(
    PictureScores | PictureFailure | SummaryLine
)


def _read_sharpened(response: httpx.Response) -> Sharpened:
    picture, headers = _read_picture(response), response.headers
    return Sharpened(**vars(picture), model=headers.get("x-model", ""), etag=headers.get("etag"))


def _read_picture(response: httpx.Response) -> Picture:
    headers = response.headers
    return Picture(
        data=response.content,
        media_type=headers.get("content-type", ""),
        timings_ms=read_timings(headers.get("server-timing", "")),
        request_id=headers.get("x-request-id"),
    )


def _read_evaluation(response: httpx.Response) -> Evaluation:
    return Evaluation.model_validate_json(response.content)


def _read_health(response: httpx.Response) -> Health:
    if response.status_code == 200:
        return Health(ready=True)
    problem = read_problem(response)
    return Health(ready=False, detail=problem.detail or problem.title)


def read_timings(header: str) -> dict[str, float]:
    """Return the milliseconds of each span of a `Server-Timing`; spans without any are left out."""
    return {name: float(duration) for name, duration in _SPAN.findall(header)}


def _read(source: Source) -> bytes:
    return source if isinstance(source, bytes) else Path(source).read_bytes()


def _open(source: Source) -> bytes | BufferedReader:
    return source if isinstance(source, bytes) else BufferedReader(PathFile(Path(source)))
