"""Where work that blocks is done: threads of its own for networks and for the codec.

Never blocks the event loop and never looks at what the work is. Networks have their own threads,
so that a long picture holds up other pictures but neither decoding nor the health endpoints.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Timed(Generic[Result]):
    """What some work returned, how long it waited for a thread and how long it ran."""

    value: Result
    waited_s: float
    ran_s: float


class Inference:
    """Two groups of threads: one for networks, one for decoding and encoding."""

    def __init__(self, *, workers: int, threads: int, codec_workers: int) -> None:
        """`threads` is the number of CPU threads of each of the `workers`; 0 is PyTorch's own."""
        self._models = ThreadPoolExecutor(
            workers, "model", initializer=limit_threads, initargs=(threads,)
        )
        self._codec = ThreadPoolExecutor(codec_workers, "codec")

    async def run_model(self, work: Callable[[], Result]) -> Timed[Result]:
        """Do `work` in a thread for networks."""
        return await _run(self._models, work)

    async def run_codec(self, work: Callable[[], Result]) -> Timed[Result]:
        """Do `work` in a thread for decoding and encoding."""
        return await _run(self._codec, work)

    def close(self) -> None:
        """Wait for what is running, drop what is queued and end the threads."""
        self._models.shutdown(cancel_futures=True)
        self._codec.shutdown(cancel_futures=True)


async def _run(executor: Executor, work: Callable[[], Result]) -> Timed[Result]:
    asked_s = time.perf_counter()

    def measure() -> Timed[Result]:
        started_s = time.perf_counter()
        value = work()
        return Timed(value, started_s - asked_s, time.perf_counter() - started_s)

    return await asyncio.get_running_loop().run_in_executor(executor, measure)


def limit_threads(threads: int) -> None:
    """Give the networks of this thread so many CPU threads; 0 leaves it to PyTorch."""
    if threads:
        import torch  # here and not above: a runtime without PyTorch must not have to load it

        torch.set_num_threads(threads)
