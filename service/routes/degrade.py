"""`POST /degrade`: a sharp picture in, blurred as a profile says."""

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from service.access import Work, note_work
from service.bodies import IMAGE_BODY, read_image
from service.presence import run_while_connected
from service.problems import describe_problems
from service.resources import ReadyResources, Resources
from service.spans import Spans
from sharpening.codec import MEDIA_TYPES, Image, decode, encode, read_size
from sharpening.degradation import PROFILES

router = APIRouter(tags=["sharpen"])

_KIND = "degrade"
"""What admission measures the pace of: no network runs."""

_FORMAT: Literal["png"] = "png"
"""Lossless: nothing more may happen to the picture than the profile says."""


class DegradeQuery(BaseModel):
    """The parameters of a request; one that is not among them is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: Literal["paper", "call"] = Field(
        default="paper",
        description="paper shrinks by two, blurs and enlarges; call does what is typical of a "
        "video call.",
    )


@router.post(
    "/degrade",
    summary="Blur a sharp picture, to see how much comes back",
    response_class=Response,
    openapi_extra=IMAGE_BODY,
    responses={
        200: {
            "description": "The blurred picture: same size, alpha, ICC profile and EXIF kept.",
            "headers": {
                "Server-Timing": {
                    "description": "Milliseconds of decode, queue, model (here the blur), encode.",
                    "schema": {"type": "string"},
                }
            },
            "content": {MEDIA_TYPES[_FORMAT]: {"schema": {"type": "string", "format": "binary"}}},
        },
        **describe_problems(400, 408, 413, 415, 422, 429, 500, 503),
    },
)
async def degrade(
    request: Request, query: Annotated[DegradeQuery, Query()], resources: ReadyResources
) -> Response:
    data = await read_image(request)
    response, done = await run_while_connected(request, _degrade(data, query, resources))
    note_work(request, done)
    return response


async def _degrade(data: bytes, query: DegradeQuery, resources: Resources) -> tuple[Response, Work]:
    inference, max_pixels = resources.inference, resources.settings.max_pixels
    width, height = await inference.peek(partial(read_size, data, max_pixels=max_pixels))
    async with resources.admission.admit(width * height, kind=_KIND) as place:
        opened = await inference.run_codec(partial(decode, data, max_pixels=max_pixels))
        blurred = await inference.run_codec(partial(_blur, opened.value, query))
        encoded = await inference.run_codec(partial(encode, blurred.value, _FORMAT))
    spans = Spans.of(opened, blurred, encoded, waited_s=place.waited_s)
    headers = {"Server-Timing": spans.server_timing}
    response = Response(encoded.value, headers=headers, media_type=MEDIA_TYPES[_FORMAT])
    return response, Work(width * height, spans)


def _blur(image: Image, query: DegradeQuery) -> Image:
    return image.with_pixels(PROFILES[query.profile].apply(image.pixels))
