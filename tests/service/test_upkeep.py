import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from service.admission import Admission, Limits
from service.upkeep import return_memory_when_idle

pytestmark = pytest.mark.anyio

LOOK_S = 0.002


@pytest.fixture
def admission() -> Admission:
    return Admission(Limits(1_000_000, 1_000_000, 60))


@pytest.fixture
async def returned(admission: Admission) -> AsyncIterator[list[bool]]:
    """Grows whenever memory is returned."""
    calls: list[bool] = []
    task = asyncio.create_task(
        return_memory_when_idle(admission, lambda: calls.append(True), look_s=LOOK_S)
    )
    yield calls
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def look() -> None:
    await asyncio.sleep(20 * LOOK_S)


async def test_memory_is_returned_once_after_work_and_not_during_it(
    admission: Admission, returned: list[bool]
) -> None:
    await look()
    assert returned == []
    async with admission.admit(1000, kind="student"):
        await look()
        assert returned == []

    await look()

    assert returned == [True]
