import asyncio
from collections.abc import Awaitable, Callable

import pytest
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import Message

from service.presence import run_while_connected

pytestmark = pytest.mark.anyio


def ask(receive: Callable[[], Awaitable[Message]]) -> Request:
    return Request({"type": "http"}, receive)


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def leave() -> Message:
    return {"type": "http.disconnect"}


async def test_the_result_is_that_of_the_work() -> None:
    assert await run_while_connected(ask(never), asyncio.sleep(0, "done")) == "done"


async def test_an_error_of_the_work_is_raised_as_it_is() -> None:
    async def fail() -> None:
        raise LookupError("as planned")

    with pytest.raises(LookupError, match="as planned"):
        await run_while_connected(ask(never), fail())


async def test_a_client_that_leaves_stops_the_work() -> None:
    stopped: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(True)

    with pytest.raises(ClientDisconnect):
        await run_while_connected(ask(leave), work())

    assert stopped == [True]


async def test_being_cancelled_stops_the_work_too() -> None:
    stopped: list[bool] = []
    begun = asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            stopped.append(True)

    running = asyncio.create_task(run_while_connected(ask(never), work()))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert stopped == [True]
