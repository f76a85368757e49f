"""Some jobs at once: bounded, each result as soon as it is there, and none after the end."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from service.batches.work import run_some_at_once

pytestmark = pytest.mark.anyio


class Jobs:
    """Jobs that end when they are told to, and what became of each."""

    def __init__(self, count: int) -> None:
        self.begun: list[int] = []
        self.cancelled: list[int] = []
        self.gates = [asyncio.Event() for _ in range(count)]

    async def run(self, number: int) -> int:
        self.begun.append(number)
        try:
            await self.gates[number].wait()
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        return number

    @property
    def all(self) -> list[Callable[[], object]]:
        return [partial(self.run, number) for number in range(len(self.gates))]


async def test_what_is_done_first_comes_first_and_makes_room_for_the_next() -> None:
    jobs = Jobs(4)
    results = run_some_at_once(jobs.all, 2)

    jobs.gates[1].set()
    assert await anext(results) == 1
    jobs.gates[2].set()
    assert await anext(results) == 2
    assert jobs.begun == [0, 1, 2]

    jobs.gates[0].set()
    jobs.gates[3].set()
    assert sorted([result async for result in results]) == [0, 3]


async def test_closing_cancels_what_is_under_way_and_begins_nothing_more() -> None:
    jobs = Jobs(5)
    results = run_some_at_once(jobs.all, 2)
    jobs.gates[0].set()
    assert await anext(results) == 0
    await asyncio.sleep(0)

    await results.aclose()

    assert jobs.begun == [0, 1, 2]
    assert sorted(jobs.cancelled) == [1, 2]


async def test_no_jobs_give_no_results() -> None:
    assert [result async for result in run_some_at_once([], 3)] == []
