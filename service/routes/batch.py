"""`POST /evaluate/batch`: what `/evaluate` says of one pair, of many, line by line."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from service.access import note_work
from service.batches.intake import BATCH_BODY, receive_batch
from service.batches.lines import LINES, MEDIA_TYPE, Line
from service.batches.spool import Spool
from service.batches.work import Judge, judge_batch
from service.judging import EvaluateQuery
from service.models import Model
from service.presence import run_while_connected
from service.problems import describe_problems
from service.resources import ReadyResources, Resources

PATH = "/evaluate/batch"

router = APIRouter(tags=["evaluate"])


class Lines(StreamingResponse):
    """Lines of JSON, each sent as soon as it is there; the client's leaving ends the work."""

    media_type = MEDIA_TYPE

    def __init__(self, lines: AsyncGenerator[Line], on_end: Callable[[], Awaitable[None]]) -> None:
        # nginx would otherwise keep lines back until it has many
        super().__init__(_encode(lines), headers={"X-Accel-Buffering": "no"})
        self._lines = lines
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the lines; in the end, whatever it is, free what the batch held."""
        try:
            await run_while_connected(Request(scope, receive), self.stream_response(send))
        finally:
            await self._lines.aclose()
            await self._on_end()


@router.post(
    PATH,
    summary="Score the models on many pictures at once",
    response_model=Line,
    status_code=200,
    response_class=Lines,
    openapi_extra=BATCH_BODY,
    responses={
        200: {
            "description": "One line of JSON for each name as soon as it is judged, in no order: "
            "its scores, or what is wrong with it, which never stops the others. The last line is "
            "the summary; where it is missing, the batch was cut off.",
            "content": LINES,
        },
        **describe_problems(400, 404, 408, 413, 415, 422, 429, 500, 503),
    },
)
async def evaluate_batch(
    request: Request, query: Annotated[EvaluateQuery, Query()], resources: ReadyResources
) -> Response:
    models = resources.models.get_judged(query.profile)
    held = AsyncExitStack()
    try:
        lines = await _begin(request, models, resources, held)
    except BaseException:
        await held.aclose()
        raise
    return Lines(lines, held.aclose)


async def _begin(
    request: Request, models: Mapping[str, Model], resources: Resources, held: AsyncExitStack
) -> AsyncGenerator[Line]:
    """Return the lines to come; what they need until their end is put into `held`."""
    settings = resources.settings
    resources.batches.check()  # before the upload, and for good once it is there
    spool = held.enter_context(Spool())
    entries = await receive_batch(request, spool, settings)
    held.enter_context(resources.batches.enter())
    judge = Judge(
        models,
        resources.inference,
        resources.batches,
        settings.max_evaluate_pixels,
        request.state.request_id,
        partial(note_work, request),
    )
    # one more than networks run, so that the next is opened meanwhile
    return judge_batch(entries, judge, at_once=settings.inference_workers + 1)


async def _encode(lines: AsyncIterator[Line]) -> AsyncIterator[bytes]:
    async for line in lines:
        yield line.model_dump_json().encode() + b"\n"
