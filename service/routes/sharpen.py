"""`POST /sharpen`: a picture in, a sharper one out."""

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from service.access import Work, note_work
from service.bodies import IMAGE_BODY, read_image
from service.models import Model
from service.negotiation import choose_format, has_tag
from service.presence import run_while_connected
from service.problems import describe_problems
from service.resources import ReadyResources, Resources
from service.spans import Spans
from sharpening.codec import DEFAULT_QUALITY, MEDIA_TYPES, Format, Image, decode, encode, read_size
from sharpening.engine import MAX_STRENGTH
from sharpening.picture import sharpen_image

router = APIRouter(tags=["sharpen"])

_HEADERS = {
    "X-Model": "Role and start of the digest of the model that ran.",
    "Server-Timing": "Milliseconds of decode, queue, model and encode.",
    "ETag": "Of the picture sent, the model, what runs it, and the parameters.",
}


class SharpenQuery(BaseModel):
    """The parameters of a request; one that is not among them is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(
        default="student",
        max_length=100,
        description="student, teacher, profile/role, or role@digest: see /models.",
    )
    strength: float = Field(
        default=1.0,
        ge=0,
        le=MAX_STRENGTH,
        allow_inf_nan=False,
        description="0 returns the picture's own pixels, 1 the network's; linear in between.",
    )
    format: Format | None = Field(
        default=None, description="Default: the best that Accept allows, first the one sent."
    )
    quality: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description=f"Of JPEG, WebP and AVIF, default {DEFAULT_QUALITY}; WebP at 100 is lossless.",
    )


@dataclass(frozen=True)
class Sent:
    """What a client sent: the picture, the parameters, what it accepts and what it has already."""

    data: bytes
    query: SharpenQuery
    accept: str | None
    known_tags: str | None


@dataclass(frozen=True)
class Job:
    """A decoded picture, the format to answer in, and the answer's ETag."""

    image: Image
    format: Format
    etag: str


@router.post(
    "/sharpen",
    summary="Sharpen a picture",
    response_class=Response,
    openapi_extra=IMAGE_BODY,
    responses={
        200: {
            "description": "The sharpened picture: same size, alpha, ICC profile and EXIF kept.",
            "headers": {
                name: {"description": text, "schema": {"type": "string"}}
                for name, text in _HEADERS.items()
            },
            "content": {
                media_type: {"schema": {"type": "string", "format": "binary"}}
                for media_type in MEDIA_TYPES.values()
            },
        },
        304: {"description": "The client has this answer already, as `If-None-Match` says."},
        **describe_problems(400, 404, 406, 408, 413, 415, 422, 429, 500, 503),
    },
)
async def sharpen(
    request: Request, query: Annotated[SharpenQuery, Query()], resources: ReadyResources
) -> Response:
    model = resources.models.get(query.model)
    data = await read_image(request)
    sent = Sent(data, query, request.headers.get("accept"), request.headers.get("if-none-match"))
    response, done = await run_while_connected(request, _sharpen(sent, model, resources))
    note_work(request, done)
    return response


async def _sharpen(sent: Sent, model: Model, resources: Resources) -> tuple[Response, Work]:
    inference, max_pixels = resources.inference, resources.settings.max_pixels
    width, height = await inference.peek(partial(read_size, sent.data, max_pixels=max_pixels))
    async with resources.admission.admit(width * height, kind=model.name) as place:
        opened = await inference.run_codec(partial(_open, sent, model, max_pixels=max_pixels))
        job = opened.value
        headers = {"X-Model": model.name, "ETag": job.etag, "Vary": "Accept"}
        if has_tag(sent.known_tags, job.etag):
            spans = Spans(opened.ran_s, place.waited_s + opened.waited_s, 0.0, 0.0)
            headers["Server-Timing"] = spans.server_timing
            return Response(status_code=304, headers=headers), Work(width * height, spans)
        run = partial(sharpen_image, strength=sent.query.strength, before_tile=place.check)
        sharpened = await inference.run_model(
            partial(run, model.engine, job.image), on_cancel=place.abandon
        )
        encoded = await inference.run_codec(
            partial(encode, sharpened.value, job.format, quality=sent.query.quality)
        )
    spans = Spans.of(opened, sharpened, encoded, waited_s=place.waited_s)
    headers["Server-Timing"] = spans.server_timing
    response = Response(encoded.value, headers=headers, media_type=MEDIA_TYPES[job.format])
    return response, Work(width * height, spans)


def _open(sent: Sent, model: Model, *, max_pixels: int) -> Job:
    image = decode(sent.data, max_pixels=max_pixels)
    format_ = choose_format(image, requested=sent.query.format, accept=sent.accept)
    return Job(image, format_, _tag(sent.data, model, sent.query, format_))


def _tag(data: bytes, model: Model, query: SharpenQuery, format_: Format) -> str:
    ran = (model.sha256, model.runtime.name, model.runtime.device, model.runtime.precision)
    parts = (*ran, repr(query.strength), format_, repr(query.quality))
    digest = hashlib.sha256("|".join(parts).encode())
    digest.update(data)
    return f'"{digest.hexdigest()[:32]}"'
