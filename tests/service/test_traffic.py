"""Bytes of bodies and answers: counted to the last one, and slow clients are not waited for."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from types import SimpleNamespace

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import traffic
from service.errors import BodyTooLargeError, SlowBodyError, TooBusyError
from service.traffic import PIECE_BYTES, STRETCH_BYTES, Patience, Store, TrafficLimit

pytestmark = pytest.mark.anyio

LONG_S = 20.0
SHORT_S = 0.02
SCOPE: Scope = {"type": "http", "path": "/sharpen", "headers": []}
ANSWER = bytes(range(256)) * 1000


async def read_all(_scope: Scope, receive: Receive, _send: Send) -> None:
    while (await receive()).get("more_body"):
        pass


async def answer_at_once(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": ANSWER})


def limit(app: ASGIApp, **changed: object) -> TrafficLimit:
    options: dict[str, object] = {
        "memory": Store(1000, 1000),
        "body_timeout_s": LONG_S,
        "send_timeout_s": LONG_S,
        "ask_retry_s": lambda: 7.0,
    }
    return TrafficLimit(app, **{**options, **changed})


def chunks(sizes: Sequence[int]) -> Receive:
    left: Iterator[int] = iter(sizes)

    async def receive() -> Message:
        return {"type": "http.request", "body": bytes(next(left)), "more_body": True}

    return receive


async def never(_message: Message) -> None:
    await asyncio.Event().wait()


async def test_a_body_over_the_limit_leaves_no_trace_in_the_count() -> None:
    memory = Store(1000, 2000)
    counting = limit(read_all, memory=memory)
    for _ in range(3):
        with pytest.raises(BodyTooLargeError):
            await counting(SCOPE, chunks([900, 900]), never)

    assert memory.held_bytes == 0


async def test_too_much_together_says_when_to_come_again() -> None:
    memory = Store(1000, 1000)
    memory.held_bytes = 900

    with pytest.raises(TooBusyError) as busy:
        await limit(read_all, memory=memory)(SCOPE, chunks([200]), never)

    assert busy.value.retry_after_s == 7
    assert memory.held_bytes == 900


async def test_what_is_spooled_is_bounded_together_and_apart_from_memory() -> None:
    memory, disk = Store(10, 10), Store(1000, 1000)
    counting = limit(read_all, memory=memory, spooled={"/batch": disk})
    disk.held_bytes = 900

    with pytest.raises(TooBusyError):
        await counting({**SCOPE, "path": "/batch"}, chunks([100, 100]), never)

    assert (memory.held_bytes, disk.held_bytes) == (0, 900)


async def test_a_body_that_comes_drop_by_drop_is_not_waited_for() -> None:
    async def drip() -> AsyncIterator[int]:
        for _ in range(200):
            await asyncio.sleep(SHORT_S / 10)
            yield 1

    drops = drip()

    async def receive() -> Message:
        more = await anext(drops, None) is not None
        return {"type": "http.request", "body": b"x", "more_body": more}

    with pytest.raises(SlowBodyError):
        await limit(read_all, body_timeout_s=SHORT_S)(SCOPE, receive, never)


async def test_each_stretch_has_the_whole_time_and_pauses_between_cost_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(traffic, "time", SimpleNamespace(monotonic=lambda: now))
    patience = Patience(10)

    async def take(seconds: float) -> None:
        nonlocal now
        await asyncio.sleep(0)
        now += seconds

    for _ in range(3):
        now += 100
        await patience.wait(take(6))
        patience.note(STRETCH_BYTES)
    await patience.wait(take(6))
    patience.note(1)
    await patience.wait(take(6))

    with pytest.raises(TimeoutError):
        await patience.wait(asyncio.Event().wait())


async def test_an_answer_goes_out_in_pieces_and_is_held_until_the_last() -> None:
    memory = Store(1000, 1000)
    sent: list[Message] = []
    held: list[int] = []

    async def send(message: Message) -> None:
        sent.append(message)
        held.append(memory.held_bytes)

    await limit(answer_at_once, memory=memory)(SCOPE, chunks([]), send)

    start, *pieces = sent
    assert start["type"] == "http.response.start"
    assert b"".join(piece["body"] for piece in pieces) == ANSWER
    assert max(len(piece["body"]) for piece in pieces) == PIECE_BYTES
    assert [piece.get("more_body", False) for piece in pieces] == [True] * 3 + [False]
    assert held == [0] + [len(ANSWER)] * 4
    assert memory.held_bytes == 0


async def test_a_client_that_does_not_read_is_cut_off_and_its_answer_let_go() -> None:
    memory = Store(1000, 1000)

    with pytest.raises(ClientDisconnect):
        await limit(answer_at_once, memory=memory, send_timeout_s=SHORT_S)(SCOPE, chunks([]), never)

    assert memory.held_bytes == 0
