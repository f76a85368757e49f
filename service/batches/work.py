"""A batch judged: a few pairs at a time, each reported as soon as it is done.

The one place of the service where whatever is wrong with one picture is caught: it becomes that
picture's line, and the others go on.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from service.access import Work
from service.batches.files import Entry
from service.batches.gate import Gate
from service.batches.lines import Line, PictureLine, ProblemLine, summarise_lines
from service.inference import Inference
from service.judging import Files, Pair, Scores, count_pixels, judge_pair, open_pair
from service.models import Model
from service.problems import describe_error
from service.spans import Spans
from sharpening.degradation import Degradation

Result = TypeVar("Result")


@dataclass(frozen=True)
class Judge:
    """What judges every pair of a batch: the models that were loaded when it came."""

    models: Mapping[str, Model]
    inference: Inference
    gate: Gate
    max_pixels: int
    request_id: str
    note: Callable[[Work], None]
    """Is told of every picture that was judged."""

    @property
    def degradation(self) -> Degradation:
        """How references without an image are blurred."""
        return self.models["student"].card.degradation

    async def judge_entry(self, entry: Entry) -> PictureLine | ProblemLine:
        """Return the line of one name."""
        try:
            scores = await self._judge(entry)
        except Exception as error:
            return ProblemLine(name=entry.name, problem=describe_error(error, self.request_id))
        return PictureLine(name=entry.name, **dict(scores))

    async def _judge(self, entry: Entry) -> Scores:
        entry.check()
        async with self.gate.looking:
            pixels = await self._count_pixels(entry)
        async with self.gate.admit(pixels) as place:
            opened = await self.inference.run_codec(partial(self._open, entry))
            judged = await judge_pair(opened.value, self.models, self.inference, place)
        self.note(Work(pixels, Spans.of(opened, judged, waited_s=place.waited_s)))
        return judged.value.scores

    async def _count_pixels(self, entry: Entry) -> int:
        """Return the pixels of the files; they are let go, and read again in their place."""
        files = (await self.inference.run_codec(partial(_read, entry))).value
        return await count_pixels(files, self.inference, max_pixels=self.max_pixels)

    def _open(self, entry: Entry) -> Pair:
        files = _read(entry)
        return open_pair(*files, degradation=self.degradation, max_pixels=self.max_pixels)


def _read(entry: Entry) -> Files:
    return entry.references[0].read(), entry.images[0].read() if entry.images else None


async def judge_batch(
    entries: Sequence[Entry], judge: Judge, *, at_once: int
) -> AsyncGenerator[Line]:
    """Yield a line for every entry as it is done, then the summary."""
    judged: list[PictureLine] = []
    jobs = (partial(judge.judge_entry, entry) for entry in entries)
    async with aclosing(run_some_at_once(jobs, at_once)) as lines:
        async for line in lines:
            if isinstance(line, PictureLine):
                judged.append(line)
            yield line
    blurred = bool(entries) and entries[0].blur
    yield summarise_lines(
        judged,
        errors=len(entries) - len(judged),
        models=judge.models,
        degradation=judge.degradation if blurred else None,
    )


async def run_some_at_once(
    jobs: Iterable[Callable[[], Coroutine[Any, Any, Result]]], count: int
) -> AsyncGenerator[Result]:
    """Yield what the jobs return, as each is done; closing this cancels those under way."""
    waiting = iter(jobs)
    working = {asyncio.create_task(job()) for job in islice(waiting, count)}
    try:
        while working:
            done, working = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
            working |= {asyncio.create_task(job()) for job in islice(waiting, len(done))}
            for task in done:
                yield task.result()
    finally:
        for task in working:
            task.cancel()
        if working:
            await asyncio.wait(working)
