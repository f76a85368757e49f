"""What the service's table counts: the whole time that a client waits, and the model's share."""

import asyncio
import time
from functools import partial

import httpx
import pytest

from benchmarks.service import Tally, _post_ours, _send

TIMING = "queue;dur=1, decode;dur=2.0, model;dur=250.0, encode;dur=3.0"


def read_share(tally: Tally, clients: int) -> str:
    return tally.format_row(clients, seconds=2).split("|")[8].strip()


@pytest.fixture
def tally() -> Tally:
    """Two pictures of one second each, of which the model took a quarter."""
    tally = Tally(health_s=[0.001])
    for _ in range(2):
        tally.note(1.0, TIMING)
    return tally


def test_all_that_one_client_waits_for_besides_the_model_counts(tally: Tally) -> None:
    assert read_share(tally, clients=1) == "75.0%"


def test_clients_that_wait_for_each_other_have_no_share(tally: Tally) -> None:
    assert read_share(tally, clients=4) == "-"


def test_the_wait_of_a_client_that_is_sent_away_counts() -> None:
    answers = [
        httpx.Response(429, headers={"Retry-After": "0.03"}),
        httpx.Response(429, headers={"Retry-After": "0.03"}),
        *(httpx.Response(200, headers={"Server-Timing": TIMING}) for _ in range(2)),
    ]
    tally = Tally()

    async def send() -> None:
        transport = httpx.MockTransport(lambda _: answers.pop(0))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            await _send(partial(_post_ours, client, b""), tally, time.perf_counter(), at_least=2)

    asyncio.run(send())

    first_s, second_s = tally.latencies_s
    assert first_s >= 0.06
    assert second_s < first_s
    assert tally.shed == 2
