"""Some jobs at once: bounded, each result as soon as it is there, and none after the end.

And of their files, none is held in memory while its pair waits for a place.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from service.admission import LEAST_PIXELS, Admission, Limits
from service.batches.files import Entry, File
from service.batches.gate import Gate
from service.batches.lines import ProblemLine
from service.batches.work import Judge, run_some_at_once
from service.inference import Inference

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


async def test_files_are_looked_at_one_pair_at_a_time_and_read_again_in_their_place(
    photograph: np.ndarray, to_file: Callable[..., bytes]
) -> None:
    cut_off = to_file(photograph)[:-100]
    admission = Admission(Limits(9 * LEAST_PIXELS, LEAST_PIXELS, wait_s=20))
    gate = Gate(admission, max_batches=1)
    seen: list[tuple[bool, bool]] = []

    def read() -> bytes:
        seen.append((gate.looking.locked(), admission.in_flight_pixels > 0))
        return cut_off

    inference = Inference(workers=1, codec_workers=1)
    models: Any = {"student": SimpleNamespace(card=SimpleNamespace(degradation=None))}
    judge = Judge(models, inference, gate, LEAST_PIXELS, "id", lambda _work: None)
    entry = Entry("a.png", [File("reference", "a.png", read)], [], blur=True)

    line = await judge.judge_entry(entry)
    inference.close(patience_s=20)

    assert seen == [(True, False), (False, True)]
    assert isinstance(line, ProblemLine)
    assert line.problem.status == 400
