"""The client for code that waits."""

import time
from collections.abc import Callable, Generator, Sequence
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


class SharpenClient:
    """Asks a sharpening service; may be used by several threads at once.

    Every call raises an error of the tree in `service.client.errors` where there is no answer to
    use, after as many attempts as `retries` allows, and `OSError` for a file that cannot be read.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`timeout_s` is how long the service may keep silent; `transport` is httpx's own seam."""
        with translate_errors():
            connection = describe_connection(url, api_key, timeout_s)
            self._http = httpx.Client(**connection, transport=transport)
        self._retries = retries or Retries()
        self._sleep = sleep

    def sharpen(
        self, image: Source, *, progress: Notify | None = None, **options: Unpack[SharpenOptions]
    ) -> Sharpened:
        """Return the picture sharpened."""
        return self._ask(call_sharpen(image, options, progress))

    def degrade(
        self, image: Source, *, profile: str | None = None, progress: Notify | None = None
    ) -> Picture:
        """Return a sharp picture blurred as `profile` says, or as the paper does, as PNG."""
        return self._ask(call_degrade(image, progress, profile=profile))

    def evaluate(
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
        return self._ask(call_evaluate(reference, image, progress, profile=profile))

    def evaluate_batch(
        self,
        pictures: Sequence[Pair] | str | PathLike[str],
        *,
        profile: str | None = None,
        progress: Notify | None = None,
    ) -> Generator[BatchLine, None, None]:
        """Yield a line for each pair, or for each in a zip, as it is judged; last the summary.

        The zip holds the folders `reference` and `image`. Closing the iterator cancels the rest.
        """
        reader = LineReader(pictures, progress)
        response = self._send(call_batch(pictures, progress, profile=profile), stream=True)
        try:
            with translate_errors():
                for line in response.iter_lines():
                    yield reader.read(line)
                reader.check_complete()
        finally:
            response.close()

    def models(self) -> list[ModelDescription]:
        """Return what is loaded."""
        return self._ask(call_models())

    def health(self) -> Health:
        """Return whether the service is ready; a service that cannot be reached is an error."""
        return self._ask(call_health())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, call: Call[Answer]) -> Answer:
        response = self._send(call)
        with translate_errors():
            return call.read(response)

    def _send(self, call: Call[Answer], *, stream: bool = False) -> httpx.Response:
        """Return an answer of an expected status; the body is left unread if it is to `stream`."""
        attempts = self._retries.begin()
        while True:
            try:
                return self._try(call, stream)
            except ClientError as error:
                wait_s = attempts.wait_after(error)
            self._sleep(wait_s)

    def _try(self, call: Call[Answer], stream: bool) -> httpx.Response:
        with translate_errors():
            response = self._http.send(call.build(self._http), stream=stream)
            if response.status_code not in call.expected:
                response.read()
                raise explain_answer(response)
            return response
