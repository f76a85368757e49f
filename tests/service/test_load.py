"""What clients see of a service that has too much to do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import numpy as np
import pytest

from service.admission import LEAST_PIXELS
from service.settings import Settings

pytestmark = pytest.mark.anyio

PATIENCE_S = 20
StartClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
Start = Callable[[], asyncio.Task[httpx.Response]]

ONE_PICTURE = LEAST_PIXELS / 1e6


@pytest.fixture
def narrow(settings: Settings) -> Settings:
    """Room for one picture, and for one that waits."""
    limits = {"max_megapixels_in_flight": ONE_PICTURE, "max_megapixels_queued": ONE_PICTURE}
    return settings.model_copy(update=limits)


@pytest.fixture
async def busy(narrow: Settings, start_client: StartClient, stalled: Any) -> AsyncIterator[Any]:
    """A client whose service holds its first picture in the network until it is released."""
    async with start_client(narrow, load=stalled.load) as client:
        stalled.stall()
        yield client
        stalled.release.set()


@pytest.fixture
def picture(photograph: np.ndarray, to_file: Callable[..., bytes]) -> bytes:
    return to_file(photograph)


async def fill(client: httpx.AsyncClient, picture: bytes) -> list[asyncio.Task[httpx.Response]]:
    """Send one picture into the network and one into the queue."""
    app: Any = client._transport
    tasks = [asyncio.create_task(client.post("/sharpen", content=picture)) for _ in range(2)]
    async with asyncio.timeout(PATIENCE_S):
        while not app.app.state.resources.admission.queued:
            await asyncio.sleep(0.001)
    return tasks


async def test_too_many_pictures_are_429_with_a_time_to_come_again(
    busy: httpx.AsyncClient, picture: bytes, stalled: Any
) -> None:
    accepted = await fill(busy, picture)

    refused = await busy.post("/sharpen", content=picture)
    evaluated = await busy.post("/evaluate", files={"reference": picture})
    stalled.release.set()

    for answer in (refused, evaluated):
        assert answer.status_code == 429
        assert answer.json()["type"] == "urn:sharpening:problem:too-busy"
        assert answer.json()["retry_after_s"] == int(answer.headers["retry-after"]) >= 1
    assert [(await task).status_code for task in accepted] == [200, 200]
    assert (await busy.post("/sharpen", content=picture)).status_code == 200


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/models"])
async def test_health_and_what_costs_nothing_are_never_sent_away(
    busy: httpx.AsyncClient, picture: bytes, path: str
) -> None:
    await fill(busy, picture)

    assert (await busy.get(path)).status_code == 200


async def test_who_waited_too_long_is_429(
    narrow: Settings, start_client: StartClient, picture: bytes, stalled: Any
) -> None:
    hurried = narrow.model_copy(update={"max_wait_s": 0.05})
    async with start_client(hurried, load=stalled.load) as client:
        stalled.stall()
        first, second = await fill(client, picture)
        answer = await second
        stalled.release.set()

        assert answer.status_code == 429
        assert "0.05 s" in answer.json()["detail"]
        assert (await first).status_code == 200


async def test_damaged_pictures_do_not_keep_their_places(
    narrow: Settings, start_client: StartClient, picture: bytes
) -> None:
    async with start_client(narrow) as client:
        for _ in range(3):
            damaged = await client.post("/sharpen", content=picture[: len(picture) // 2])
            assert damaged.status_code == 400
        assert (await client.post("/sharpen", content=picture)).status_code == 200
