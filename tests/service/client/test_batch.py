"""Lines as they stream: typed, counted, and broken off."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from service.client import (
    AsyncSharpenClient,
    BatchSummary,
    BusyError,
    InvalidAnswerError,
    NotReachedError,
    Pair,
    PictureFailure,
    PictureRefusedError,
    PictureScores,
    Progress,
    Retries,
    SharpenClient,
)

SCORE = {"psnr": None, "ssim": 1.0, "ssim_gaussian": 1.0, "psnr_y": None, "identical": True}
SCORES = {"input": SCORE, "student": SCORE, "teacher": None, "student_vs_teacher": None}
FIGURE = {"mean": 30.0, "median": 30.0, "min": 30.0, "count": 1, "missing": 0}
FIGURES = dict.fromkeys(("psnr", "ssim", "ssim_gaussian", "psnr_y"), FIGURE)
SUMMARY = {
    "summary": {
        "pictures": 2,
        "errors": 1,
        "definition": {},
        "models": {},
        "degradation": None,
        "input": FIGURES,
        "student": FIGURES,
        "teacher": None,
        "student_vs_teacher": None,
    }
}
PROBLEM = {"type": "t", "title": "T", "status": 415, "detail": "d", "request_id": "r"}
FIRST = {"name": "a", **SCORES}
SECOND = {"name": "b", "problem": {**PROBLEM, "limit_bytes": 7}}
PAIRS = [Pair("a", b"1"), Pair("b", b"2")]


def to_answer(*lines: dict[str, Any]) -> httpx.Response:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    return httpx.Response(200, content=text.encode())


def test_lines_are_typed_and_counted(call: Any, script: Any) -> None:
    told: list[Progress] = []

    lines = call(
        script(to_answer(FIRST, SECOND, SUMMARY)), "evaluate_batch", PAIRS, progress=told.append
    )

    scores, failure, summary = lines
    assert isinstance(scores, PictureScores)
    assert scores.student.identical
    assert isinstance(failure, PictureFailure)
    assert failure.problem.model_extra == {"limit_bytes": 7}
    assert isinstance(summary, BatchSummary)
    assert summary.student.psnr.mean == 30
    pictures = [(each.done, each.total) for each in told if each.phase == "pictures"]
    assert pictures == [(1, 2), (2, 2)]


def test_lines_that_end_without_a_summary_were_cut_off(call: Any, script: Any) -> None:
    with pytest.raises(NotReachedError, match="broke off after 2 pictures"):
        call(script(to_answer(FIRST, SECOND)), "evaluate_batch", PAIRS)


def test_a_line_that_is_none_is_refused(call: Any, script: Any) -> None:
    with pytest.raises(InvalidAnswerError):
        call(script(to_answer(FIRST, {"hello": "world"})), "evaluate_batch", PAIRS)


def test_a_batch_that_is_refused_is_sent_again(call: Any, script: Any) -> None:
    asked = script(httpx.Response(429, headers={"Retry-After": "1"}), to_answer(SUMMARY))

    assert len(call(asked, "evaluate_batch", PAIRS)) == 1

    assert len(asked.requests) == 2
    assert asked.bodies[1].count(b'name="reference"; filename="b"') == 1


def test_a_batch_that_is_refused_for_good_says_why(call: Any, script: Any) -> None:
    with pytest.raises(BusyError, match="T: d"):
        call(
            script(httpx.Response(429, json=PROBLEM | {"status": 429})),
            "evaluate_batch",
            PAIRS,
            retries=Retries(attempts=0),
        )


class Broken(httpx.SyncByteStream):
    """A line, and then the connection is lost; notes whether it was closed."""

    closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield json.dumps(FIRST).encode() + b"\n"
        raise httpx.ReadError("reset")

    def close(self) -> None:
        self.closed = True


def test_a_connection_lost_between_lines_is_told_and_not_sent_again() -> None:
    stream = Broken()
    slept: list[float] = []
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=stream))

    with SharpenClient("http://service", transport=transport, sleep=slept.append) as client:
        lines = client.evaluate_batch(PAIRS)
        assert isinstance(next(lines), PictureScores)
        with pytest.raises(NotReachedError):
            next(lines)

    assert not slept
    assert stream.closed


def test_closing_the_lines_closes_the_connection() -> None:
    stream = Broken()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=stream))

    with SharpenClient("http://service", transport=transport) as client:
        lines = client.evaluate_batch(PAIRS)
        next(lines)
        assert not stream.closed
        lines.close()
        assert stream.closed


class Trickle(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A problem that is not there before it is read, as over a real connection."""

    def __iter__(self) -> Iterator[bytes]:
        yield json.dumps(PROBLEM).encode()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield json.dumps(PROBLEM).encode()


def test_the_reason_of_a_refusal_is_read_though_the_answer_is_streamed() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(415, stream=Trickle())

    async def ask_later() -> None:
        async with AsyncSharpenClient(
            "http://service", transport=httpx.MockTransport(refuse)
        ) as later:
            async for _ in later.evaluate_batch(PAIRS):
                pytest.fail("there is no line")

    with (
        SharpenClient("http://service", transport=httpx.MockTransport(refuse)) as client,
        pytest.raises(PictureRefusedError, match="T: d"),
    ):
        next(client.evaluate_batch(PAIRS))
    with pytest.raises(PictureRefusedError, match="T: d"):
        asyncio.run(ask_later())
