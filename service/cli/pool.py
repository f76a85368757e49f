"""Doing the same to many pictures, several at once, going on past those that cannot be done."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Generic, TypeVar

from service.client import AnswerTimeoutError, PictureRefusedError, ServiceFailedError
from sharpening.errors import ImageError, SharpeningError

Item = TypeVar("Item")
Result = TypeVar("Result")

_OF_ONE_PICTURE = (ImageError, PictureRefusedError, ServiceFailedError, AnswerTimeoutError)
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
    items: Sequence[Item], work: Callable[[Item], Result], *, jobs: int
) -> Iterator[Done[Item, Result] | Failed[Item]]:
    """Yield what came of each item as it is done, so many `jobs` at once, in no order.

    An error that is not of one picture is raised, and what has not begun is dropped.
    """
    with ThreadPoolExecutor(jobs, "picture") as pool:
        futures = {pool.submit(work, item): item for item in items}
        try:
            for future in as_completed(futures):
                yield _conclude(futures[future], future)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _conclude(item: Item, future: Future[Result]) -> Done[Item, Result] | Failed[Item]:
    try:
        return Done(item, future.result())
    except _OF_ONE_PICTURE as error:
        return Failed(item, error)
