"""The client for asyncio: the same verbs, awaited."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from os import PathLike
from types import TracebackType
from typing import Self, Unpack

import httpx

from service.client.answers import (
    BatchLine,
    Evaluation,
    Health,
    ModelDescription,
    Picture,
    Sharpened,
)
from service.client.calls import (
    Answer,
    Call,
    Pair,
    SharpenOptions,
    Source,
    call_batch,
    call_degrade,
    call_evaluate,
    call_health,
    call_models,
    call_sharpen,
)
from service.client.connection import DEFAULT_TIMEOUT_S, LineReader, describe_connection
from service.client.errors import ClientError, explain_answer, translate_errors
from service.client.progress import Notify
from service.client.retries import Retries
from service.client.stream import FrameStream, open_stream


class AsyncSharpenClient:
    """Asks a sharpening service; any number of calls may be under way at once.

    As `SharpenClient` otherwise.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`timeout_s` is how long the service may keep silent; `transport` is httpx's own seam."""
        with translate_errors():
            connection = describe_connection(url, api_key, timeout_s)
            self._http = httpx.AsyncClient(**connection, transport=transport)
        self._retries = retries or Retries()
        self._sleep = sleep

    async def sharpen(
        self, image: Source, *, progress: Notify | None = None, **options: Unpack[SharpenOptions]
    ) -> Sharpened:
        """Return the picture sharpened."""
        return await self._ask(call_sharpen(image, options, progress))

    async def degrade(
        self, image: Source, *, profile: str | None = None, progress: Notify | None = None
    ) -> Picture:
        """Return a sharp picture blurred as `profile` says, or as the paper does, as PNG."""
        return await self._ask(call_degrade(image, progress, profile=profile))

    async def evaluate(
        self,
        reference: Source,
        image: Source | None = None,
        *,
        profile: str | None = None,
        progress: Notify | None = None,
    ) -> Evaluation:
        """Return how near to the reference each model brings `image`, or the reference blurred.

        The models, and the blur, are those of `profile`, or the service's plain ones.
        """
        return await self._ask(call_evaluate(reference, image, progress, profile=profile))

    async def evaluate_batch(
        self,
        pictures: Sequence[Pair] | str | PathLike[str],
        *,
        profile: str | None = None,
        progress: Notify | None = None,
    ) -> AsyncGenerator[BatchLine, None]:
        """Yield a line for each pair, or for each in a zip, as it is judged; last the summary.

        The zip holds the folders `reference` and `image`. Closing the iterator cancels the rest.
        """
        reader = LineReader(pictures, progress)
        response = await self._send(call_batch(pictures, progress, profile=profile), stream=True)
        try:
            with translate_errors():
                async for line in response.aiter_lines():
                    yield reader.read(line)
                reader.check_complete()
        finally:
            await response.aclose()

    @asynccontextmanager
    async def stream(self, **options: Unpack[SharpenOptions]) -> AsyncIterator[FrameStream]:
        """Open a stream of frames, to be sent and iterated over, and close it in the end.

        Needs the package `websockets`. It is not tried again: what was on its way is old by then.
        """
        async with open_stream(self._http, options) as stream:
            yield stream

    async def models(self) -> list[ModelDescription]:
        """Return what is loaded."""
        return await self._ask(call_models())

    async def health(self) -> Health:
        """Return whether the service is ready; a service that cannot be reached is an error."""
        return await self._ask(call_health())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _ask(self, call: Call[Answer]) -> Answer:
        response = await self._send(call)
        with translate_errors():
            return call.read(response)

    async def _send(self, call: Call[Answer], *, stream: bool = False) -> httpx.Response:
        """Return an answer of an expected status; the body is left unread if it is to `stream`."""
        attempts = self._retries.begin()
        while True:
            try:
                return await self._try(call, stream)
            except ClientError as error:
                wait_s = attempts.wait_after(error)
            await self._sleep(wait_s)

    async def _try(self, call: Call[Answer], stream: bool) -> httpx.Response:
        with translate_errors():
            request = await asyncio.to_thread(call.build, self._http)  # it may read a file
            response = await self._http.send(request, stream=stream)
            if response.status_code not in call.expected:
                await response.aread()
                raise explain_answer(response)
            return response
