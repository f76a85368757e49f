import logging
from collections.abc import Callable

import httpx
import numpy as np
import pytest

pytestmark = pytest.mark.anyio

ToFile = Callable[..., bytes]


async def test_a_plain_id_is_kept(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health/live", headers={"X-Request-ID": "job-17.a_b"})

    assert answer.headers["x-request-id"] == "job-17.a_b"


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, "line\tbreak"])
async def test_any_other_id_is_replaced(client: httpx.AsyncClient, sent: str) -> None:
    answer = await client.get("/health/live", headers={"X-Request-ID": sent})

    assert len(answer.headers["x-request-id"]) == 32


async def test_a_problem_carries_the_id(client: httpx.AsyncClient) -> None:
    answer = await client.get("/no-such-page", headers={"X-Request-ID": "job-17"})

    assert answer.headers["x-request-id"] == "job-17"
    assert answer.json()["request_id"] == "job-17"


async def test_a_picture_is_one_log_line_with_pixels_and_times(
    client: httpx.AsyncClient,
    photograph: np.ndarray,
    to_file: ToFile,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "service.access"):
        await client.post(
            "/sharpen", content=to_file(photograph), headers={"X-Request-ID": "job-17"}
        )

    (record,) = [record for record in caplog.records if record.name == "service.access"]
    line = record.getMessage()
    assert line.startswith("POST /sharpen status=200 id=job-17 total_ms=")
    assert f" pixels={64 * 48} queue_ms=" in line
    assert " model_ms=" in line


async def test_a_path_cannot_forge_a_log_line(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "service.access"):
        await client.get("/a%0Ab")

    assert "GET /a%0Ab status=404" in caplog.text
