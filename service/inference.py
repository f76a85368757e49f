"""Where work that blocks is done: threads of its own for networks and for the codec.

Never blocks the event loop and never looks at what the work is. Networks have their own threads,
so that a long picture holds up other pictures but neither decoding nor the health endpoints.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Timed(Generic[Result]):
    """What some work returned, how long it waited for a thread and how long it ran."""

    value: Result
    waited_s: float
    ran_s: float


def _do_nothing() -> None:
    """Let the work end by itself."""


def _forget(running: asyncio.Future[Any]) -> None:
    """Look at an error that nobody waits for any more, or asyncio logs that nobody has."""
    if not running.cancelled():
        running.exception()


class Inference:
    """Threads in groups: for networks, for decoding and encoding, for looking at headers."""

    def __init__(self, *, workers: int, codec_workers: int) -> None:
        self._models = ThreadPoolExecutor(workers, "model")
        self._codec = ThreadPoolExecutor(codec_workers, "codec")
        self._peeks = ThreadPoolExecutor(1, "peek")
        self._running: set[Future[Any]] = set()

    async def run_model(
        self, work: Callable[[], Result], *, on_cancel: Callable[[], None] = _do_nothing
    ) -> Timed[Result]:
        """Do `work` in a thread for networks; `on_cancel` may tell it to stop early."""
        return await self._run(self._models, work, on_cancel)

    async def run_codec(self, work: Callable[[], Result]) -> Timed[Result]:
        """Do `work` in a thread for decoding and encoding."""
        return await self._run(self._codec, work, _do_nothing)

    async def peek(self, work: Callable[[], Result]) -> Result:
        """Do `work`, which is short, in a thread that never waits for longer work."""
        return (await self._run(self._peeks, work, _do_nothing)).value

    def close(self, *, patience_s: float) -> None:
        """Drop what is queued, and wait so long at the most for what is running."""
        for executor in (self._models, self._codec, self._peeks):
            executor.shutdown(wait=False, cancel_futures=True)
        wait(list(self._running), patience_s)

    async def _run(
        self, executor: Executor, work: Callable[[], Result], on_cancel: Callable[[], None]
    ) -> Timed[Result]:
        """Do `work` in a thread of `executor`.

        One that is cancelled still waits for its thread, if it has one: only then is what it held
        free.
        """
        asked_s = time.perf_counter()

        def measure() -> Timed[Result]:
            started_s = time.perf_counter()
            value = work()
            return Timed(value, started_s - asked_s, time.perf_counter() - started_s)

        submitted = executor.submit(copy_context().run, measure)
        self._running.add(submitted)
        submitted.add_done_callback(self._running.discard)
        running = asyncio.wrap_future(submitted)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            on_cancel()
            running.add_done_callback(_forget)
            if not submitted.cancel():
                await asyncio.wait([running])
            raise
        finally:
            # an error knows this frame, and these know the error: what the work held would stay
            del submitted, running
