"""Batches are bounded, and their pictures stand in the queue one at a time."""

import asyncio

import pytest

from service.admission import LEAST_PIXELS, Admission, Limits
from service.batches.gate import Gate
from service.errors import TooBusyError

pytestmark = pytest.mark.anyio


@pytest.fixture
def admission() -> Admission:
    """Room for one picture, and for one that waits."""
    return Admission(Limits(LEAST_PIXELS, LEAST_PIXELS, wait_s=20))


async def test_only_so_many_batches_are_let_in(admission: Admission) -> None:
    gate = Gate(admission, max_batches=1)
    with gate.enter(), pytest.raises(TooBusyError, match="1 batches"), gate.enter():
        pass
    with gate.enter():
        assert gate.batches == 1
    assert gate.batches == 0


async def test_a_single_picture_has_at_most_one_of_all_batches_before_it(
    admission: Admission,
) -> None:
    gate = Gate(admission, max_batches=9)
    release = asyncio.Event()
    order: list[str] = []

    async def work_for_batch(name: str) -> None:
        async with gate.admit(LEAST_PIXELS):
            order.append(name)
            await release.wait()

    async def work_alone() -> None:
        async with admission.admit(LEAST_PIXELS, kind="sharpen", patient=True):
            order.append("alone")

    tasks = [asyncio.create_task(work_for_batch(f"batch {number}")) for number in range(4)]
    await _settle()
    tasks.append(asyncio.create_task(work_alone()))
    await _settle()
    waiting = admission.queued
    release.set()
    await asyncio.gather(*tasks)

    assert waiting == 2
    assert order[:3] == ["batch 0", "batch 1", "alone"]


async def test_a_picture_that_gives_up_lets_the_next_one_queue(admission: Admission) -> None:
    gate = Gate(admission, max_batches=9)
    entered: list[int] = []

    async def work(number: int) -> None:
        async with gate.admit(LEAST_PIXELS):
            entered.append(number)

    async with admission.admit(LEAST_PIXELS, kind="sharpen"):
        tasks = [asyncio.create_task(work(number)) for number in range(3)]
        await _settle()
        tasks[0].cancel()
        tasks[1].cancel()
        await _settle()
    await asyncio.wait(tasks)

    assert entered == [2]
    assert (admission.in_flight_pixels, admission.queued) == (0, 0)


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
