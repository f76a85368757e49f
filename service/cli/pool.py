"""Doing the same to many pictures, several at once, going on past those that cannot be done."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from service.client import AnswerTimeoutError, PictureRefusedError, ServiceFailedError
from sharpening.errors import ImageError, SharpeningError

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 1
"""Items that wait for a thread, so that none waits for an item."""

OF_ONE_PICTURE = (ImageError, PictureRefusedError, ServiceFailedError, AnswerTimeoutError)
"""What is wrong with one picture and need not be with the next; anything else ends the command."""


@dataclass(frozen=True)
class Done(Generic[Item, Result]):
    """An item that was done, and what came of it."""

    item: Item
    result: Result


@dataclass(frozen=True)
class Failed(Generic[Item]):
    """An item that could not be done, and why."""

    item: Item
    error: SharpeningError


def do_each(
    items: Iterable[Item], work: Callable[[Item], Result], *, jobs: int
) -> Generator[Done[Item, Result] | Failed[Item], None, None]:
    """Yield what came of each item as it is done, so many `jobs` at once, in no order.

    Items are taken as there is room for them, however many there are. An error that is not of one
    picture is raised, and what has not begun is dropped.
    """
    running: dict[Future[Result], Item] = {}
    with ThreadPoolExecutor(jobs, "picture") as pool:
        try:
            for item in items:
                running[pool.submit(work, item)] = item
                if len(running) >= jobs + _AHEAD:
                    yield from _take_done(running)
            while running:
                yield from _take_done(running)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _take_done(
    running: dict[Future[Result], Item],
) -> Iterator[Done[Item, Result] | Failed[Item]]:
    """Wait until something is done, and take it out."""
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        yield _conclude(running.pop(future), future)


def _conclude(item: Item, future: Future[Result]) -> Done[Item, Result] | Failed[Item]:
    try:
        return Done(item, future.result())
    except OF_ONE_PICTURE as error:
        return Failed(item, error)
