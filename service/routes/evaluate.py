"""`POST /evaluate`: how near to a sharp reference each model brings a blurred picture."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from service.access import Work, note_work
from service.bodies import PAIR_BODY, read_pair
from service.judging import (
    KIND,
    EvaluateQuery,
    Pair,
    Scores,
    count_pixels,
    judge_pair,
    open_pair,
)
from service.models import Model
from service.negotiation import FORMATS_OF_MEDIA_TYPES, choose_media_type
from service.presence import run_while_connected
from service.problems import describe_problems
from service.resources import ReadyResources, Resources
from service.spans import Spans
from sharpening.codec import MEDIA_TYPES, Format, Image, encode
from sharpening.degradation import Degradation
from sharpening.metrics import DEFINITIONS

router = APIRouter(tags=["evaluate"])

_JSON = "application/json"


class Judgement(Scores):
    """The scores of one pair, and what they are scores of."""

    definition: dict[str, str] = Field(description="What each figure is.")
    models: dict[str, str] = Field(description="Which model had each role, by its short name.")
    degradation: Degradation | None = Field(
        description="How the reference was blurred here; null if a blurred picture was sent."
    )


@dataclass(frozen=True)
class Job:
    """A pair to judge; `format` is None for an answer in JSON."""

    pair: Pair
    format: Format | None


@router.post(
    "/evaluate",
    summary="Score the models on a picture whose sharp original is known",
    response_model=Judgement,
    openapi_extra=PAIR_BODY,
    responses={
        200: {
            "description": "The scores; or, where `Accept` prefers a picture, what the student "
            "made of the blurred one, with the scores in headers such as `X-Student-PSNR`.",
            "content": {
                media_type: {"schema": {"type": "string", "format": "binary"}}
                for media_type in MEDIA_TYPES.values()
            },
        },
        **describe_problems(400, 404, 406, 408, 413, 415, 422, 429, 500, 503),
    },
)
async def evaluate_pair(
    request: Request, query: Annotated[EvaluateQuery, Query()], resources: ReadyResources
) -> Response:
    models = resources.models.get_judged(query.profile)
    files = await read_pair(request)
    accept = request.headers.get("accept")
    work = _evaluate(files, models, resources, accept=accept)
    response, done = await run_while_connected(request, work)
    note_work(request, done)
    return response


async def _evaluate(
    files: tuple[bytes, bytes | None],
    models: Mapping[str, Model],
    resources: Resources,
    *,
    accept: str | None,
) -> tuple[Response, Work]:
    inference = resources.inference
    max_pixels = resources.settings.max_evaluate_pixels
    pixels = await count_pixels(files, inference, max_pixels=max_pixels)
    async with resources.admission.admit(pixels, kind=KIND) as place:
        opened = await inference.run_codec(
            partial(
                _open,
                *files,
                degradation=models["student"].card.degradation,
                accept=accept,
                max_pixels=max_pixels,
            )
        )
        job = opened.value
        judged = await judge_pair(job.pair, models, inference, place)
        judgement = Judgement(
            **dict(judged.value.scores),
            definition=DEFINITIONS,
            models={role: model.name for role, model in models.items()},
            degradation=job.pair.degradation,
        )
        answered = await inference.run_codec(
            partial(_answer, judgement, judged.value.sharpened, job.format)
        )
    spans = Spans.of(opened, judged, answered, waited_s=place.waited_s)
    response = answered.value
    response.headers["Server-Timing"] = spans.server_timing
    return response, Work(pixels, spans)


def _open(
    reference_data: bytes,
    blurred_data: bytes | None,
    *,
    degradation: Degradation,
    accept: str | None,
    max_pixels: int,
) -> Job:
    pair = open_pair(reference_data, blurred_data, degradation=degradation, max_pixels=max_pixels)
    return Job(pair, _choose_answer(pair.blurred, accept))


def _choose_answer(blurred: Image, accept: str | None) -> Format | None:
    """Return None for JSON, which is also what equal wishes mean, else the picture's format."""
    media_type = choose_media_type(blurred, accept=accept, others=[_JSON])
    return FORMATS_OF_MEDIA_TYPES.get(media_type)


def _answer(judgement: Judgement, result: Image, format_: Format | None) -> Response:
    headers = {"Vary": "Accept"}
    if format_ is None:
        return Response(judgement.model_dump_json(), headers=headers, media_type=_JSON)
    headers |= {"X-Model": judgement.models["student"], **_list_scores(judgement)}
    return Response(encode(result, format_), headers=headers, media_type=MEDIA_TYPES[format_])


def _list_scores(judgement: Judgement) -> dict[str, str]:
    """Return the scores as headers, `X-Student-PSNR` and so on; the values are JSON's."""
    scores = {
        "Input": judgement.input,
        "Student": judgement.student,
        "Teacher": judgement.teacher,
        "Student-Vs-Teacher": judgement.student_vs_teacher,
    }
    return {
        f"X-{row}-{metric.upper().replace('_', '-')}": json.dumps(value)
        for row, score in scores.items()
        if score is not None
        for metric, value in score.model_dump().items()
    }
