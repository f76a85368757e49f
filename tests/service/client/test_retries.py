"""Which failures are tried again, after how long, and when to give up."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from service.client import (
    AnswerTimeoutError,
    BusyError,
    ClientError,
    NotReachedError,
    Retries,
    UnavailableError,
)

OURS = "urn:sharpening:problem:unexpected"
FINE = httpx.Response(200, json=[])


def refuse(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.parametrize(
    "failure",
    [
        refuse(429, retry_after="7"),
        refuse(503, retry_after="7"),
    ],
    ids=["busy", "draining"],
)
def test_it_waits_as_long_as_told_and_a_little_more(
    call: Any, script: Any, failure: httpx.Response
) -> None:
    asked = script(failure, FINE)

    assert call(asked, "models", retries=Retries(first_wait_s=2, jitter=lambda: 0.5)) == []

    assert len(asked.requests) == 2
    assert asked.waits_s == [8.0]


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.WriteError("reset"),
        httpx.RemoteProtocolError("went away"),
        httpx.ConnectTimeout("nobody"),
        refuse(503),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_without_advice_the_pause_doubles(call: Any, script: Any, failure: Any) -> None:
    asked = script(failure, failure, failure, FINE)

    assert call(asked, "models", retries=Retries(first_wait_s=1, jitter=lambda: 0.5)) == []

    assert asked.waits_s == [0.5, 1.0, 2.0]


def test_the_body_is_sent_again_in_full(call: Any, script: Any) -> None:
    asked = script(httpx.ReadError("reset"), refuse(429), httpx.Response(200))

    call(asked, "sharpen", b"a picture")

    assert asked.bodies == [b"a picture"] * 3


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (refuse(429), BusyError),
        (refuse(503), UnavailableError),
        (httpx.ConnectError("refused"), NotReachedError),
    ],
)
def test_it_gives_up_after_so_many_attempts(
    call: Any, script: Any, failure: Any, expected: type[ClientError]
) -> None:
    asked = script(*[failure] * 10)

    with pytest.raises(expected):
        call(asked, "models", retries=Retries(attempts=2, jitter=lambda: 0.5))

    assert len(asked.requests) == 3


def test_it_does_not_wait_longer_than_it_is_willing_to(call: Any, script: Any) -> None:
    asked = script(refuse(429, retry_after="61"))

    with pytest.raises(BusyError) as refused:
        call(asked, "models", retries=Retries(longest_wait_s=60))

    assert refused.value.retry_after_s == 61
    assert asked.waits_s == []


@pytest.mark.parametrize(
    "failure",
    [
        *(refuse(status) for status in (400, 401, 404, 406, 413, 415, 422)),
        httpx.Response(500, json={"type": OURS, "title": "Failed", "status": 500}),
        httpx.ReadTimeout("slow"),
        httpx.PoolTimeout("full"),
    ],
    ids=str,
)
def test_what_would_fail_again_is_not_tried_again(call: Any, script: Any, failure: Any) -> None:
    asked = script(failure)

    with pytest.raises(ClientError):
        call(asked, "models")

    assert asked.waits_s == []


def test_a_timeout_is_told_from_a_connection_that_failed(call: Any, script: Any) -> None:
    with pytest.raises(AnswerTimeoutError, match="http://service/models did not answer in time"):
        call(script(httpx.ReadTimeout("")), "models")


def test_a_date_to_come_back_at_is_understood(call: Any, script: Any) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=30)
    asked = script(refuse(429, retry_after=format_datetime(moment, usegmt=True)), FINE)

    call(asked, "models", retries=Retries(jitter=lambda: 0.0))

    assert 20 < asked.waits_s[0] <= 30


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5", "\u0663"])
def test_advice_that_is_none_is_left_aside(call: Any, script: Any, text: str) -> None:
    asked = script(httpx.Response(429, headers=[(b"Retry-After", text.encode())]), FINE)

    call(asked, "models", retries=Retries(first_wait_s=1, jitter=lambda: 1.0))

    assert asked.waits_s == [1.0]
