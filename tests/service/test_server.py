"""When the server ends, once it is told to; a real process is asked in `tests/e2e`."""

import asyncio
import signal
from types import SimpleNamespace

import httpx
import pytest

from service import server
from service.app import create_app
from service.headers import MAX_HEAD_BYTES
from service.server import Server
from service.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test may set."""
    times = [1000.0]
    monkeypatch.setattr(server, "time", SimpleNamespace(monotonic=lambda: times[0]))
    return times


def start(settings: Settings, **changed: object) -> Server:
    changes = {"drain_timeout_s": 20, **changed}
    changed_settings = settings.model_copy(update=changes)
    started = Server(create_app(changed_settings), changed_settings)
    started.started = True
    return started


def busy(told: Server) -> "asyncio.Task[None]":
    task = asyncio.create_task(asyncio.sleep(0))
    told.server_state.tasks.add(task)
    return task


@pytest.mark.usefixtures("now")
async def test_it_goes_on_until_it_is_told(settings: Settings) -> None:
    assert await start(settings).on_tick(0) is False


@pytest.mark.usefixtures("now")
async def test_idle_it_ends_as_soon_as_it_is_told(settings: Settings) -> None:
    told = start(settings)
    told.handle_exit(signal.SIGTERM, None)

    assert await told.on_tick(0) is True


@pytest.mark.usefixtures("now")
async def test_busy_it_ends_when_nothing_is_left(settings: Settings) -> None:
    told = start(settings)
    task = busy(told)
    told.handle_exit(signal.SIGTERM, None)
    assert await told.on_tick(0) is False

    told.server_state.tasks.discard(task)

    assert await told.on_tick(0) is True


async def test_it_waits_no_longer_than_is_set(settings: Settings, now: list[float]) -> None:
    told = start(settings)
    busy(told)
    told.handle_exit(signal.SIGTERM, None)
    now[0] += 19
    assert await told.on_tick(0) is False
    now[0] += 1

    assert await told.on_tick(0) is True
    assert told.config.timeout_graceful_shutdown == 0


async def test_it_announces_its_end_as_long_as_is_set(settings: Settings, now: list[float]) -> None:
    told = start(settings, drain_announce_s=5)
    told.handle_exit(signal.SIGTERM, None)
    assert await told.on_tick(0) is False
    now[0] += 5

    assert await told.on_tick(0) is True
    assert told.config.timeout_graceful_shutdown == 15


@pytest.mark.usefixtures("now")
async def test_told_twice_it_ends_at_once(settings: Settings) -> None:
    told = start(settings)
    busy(told)
    told.handle_exit(signal.SIGTERM, None)
    told.handle_exit(signal.SIGTERM, None)

    assert await told.on_tick(0) is True
    assert told.config.timeout_graceful_shutdown == 0


def test_the_parser_is_the_one_that_bounds_a_head(settings: Settings) -> None:
    told = start(settings, max_connections=7)

    assert told.config.http == "h11"
    assert told.config.h11_max_incomplete_event_size == MAX_HEAD_BYTES
    assert told.config.limit_concurrency == 7


async def test_told_to_end_it_is_not_ready_at_once_and_lives(settings: Settings) -> None:
    told = start(settings)
    transport = httpx.ASGITransport(told.config.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        told.handle_exit(signal.SIGTERM, None)

        assert (await client.get("/health/live")).status_code == 200
        ready = await client.get("/health/ready")
        assert ready.status_code == 503
        assert "stopping" in ready.json()["detail"]


async def test_a_hangup_asks_for_new_weights(settings: Settings) -> None:
    told = start(settings)
    asked: list[bool] = []
    told.config.app.state.renewal.ask = lambda: asked.append(True)
    told.handle_hangup(signal.SIGHUP, None)

    await told.on_tick(0)
    await told.on_tick(1)

    assert asked == [True]
