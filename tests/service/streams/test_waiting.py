"""One frame waits, the newest."""

import asyncio

import pytest

from service.streams.options import StreamOptions
from service.streams.waiting import Frame, NewestFrame

pytestmark = pytest.mark.anyio


def make(sequence: int) -> Frame:
    return Frame(sequence, b"", StreamOptions(), 0.0)


async def test_a_newer_frame_takes_the_place_of_the_waiting_one() -> None:
    waiting = NewestFrame()

    replaced = [waiting.put(make(sequence)) for sequence in range(3)]

    assert replaced == [None, make(0), make(1)]
    assert await waiting.take() == make(2)
    assert waiting.put(make(3)) is None


async def test_who_takes_waits_for_a_frame() -> None:
    waiting = NewestFrame()
    taking = asyncio.create_task(waiting.take())
    await asyncio.sleep(0)
    assert not taking.done()

    waiting.put(make(0))

    assert await taking == make(0)


async def test_what_waits_is_still_taken_after_the_end() -> None:
    waiting = NewestFrame()
    waiting.put(make(0))

    waiting.close()

    assert await waiting.take() == make(0)
    assert await waiting.take() is None
    assert await waiting.take() is None
