"""A real server that has much to do: it stays answerable, swaps weights, and stops without loss."""

import http.client
import io
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image as PillowImage

from sharpening.drawing import draw_picture

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 120
HEALTH_S = 2.0
"""Very much longer than it takes, very much shorter than what the server is busy with."""

StartServer = Callable[..., AbstractContextManager[Any]]


@pytest.fixture(scope="module")
def picture() -> bytes:
    """A quarter of a megapixel: a second or more for the teacher."""
    buffer = io.BytesIO()
    PillowImage.fromarray(draw_picture(2, enlargement=9)).save(buffer, "jpeg")
    return buffer.getvalue()


SLOWLY = {"precision": "float32", "inference_threads": "1"}


@pytest.fixture
def crowd() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as threads:
        yield threads


def post(url: str, picture: bytes, **options: Any) -> httpx.Response:
    return httpx.post(f"{url}/sharpen", content=picture, timeout=PATIENCE_S, **options)


def send(
    crowd: ThreadPoolExecutor, url: str, picture: bytes, count: int, **options: Any
) -> list["Future[httpx.Response]"]:
    return [crowd.submit(post, url, picture, **options) for _ in range(count)]


def read_figure(url: str, name: str) -> float:
    text = httpx.get(f"{url}/metrics", timeout=PATIENCE_S).text
    found = re.search(rf"^{name} (\S+)$", text, flags=re.MULTILINE)
    assert found is not None, text
    return float(found[1])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_health_answers_while_every_thread_is_busy(
    server: Any, crowd: ThreadPoolExecutor, picture: bytes
) -> None:
    busy = send(crowd, server.url, picture, 4, params={"model": "teacher"})
    wait_until(lambda: read_figure(server.url, "sharpen_in_flight_megapixels") > 0)

    for _ in range(10):
        answer = httpx.get(f"{server.url}/health/live", timeout=HEALTH_S)
        assert answer.status_code == 200
    assert not all(task.done() for task in busy)

    assert [task.result().status_code for task in busy] == [200] * 4


def test_what_was_accepted_is_finished_before_it_stops(
    start_server: StartServer, crowd: ThreadPoolExecutor, picture: bytes
) -> None:
    limits = {"max_megapixels_in_flight": "0.5", "max_wait_s": "100", "drain_timeout_s": "100"}
    with start_server(**limits, **SLOWLY) as server:
        accepted = send(crowd, server.url, picture, 5, params={"model": "teacher"})
        wait_until(lambda: read_figure(server.url, "sharpen_queued_requests") == 3)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: httpx.get(f"{server.url}/health/ready").status_code == 503)

        refused = post(server.url, picture)
        live = httpx.get(f"{server.url}/health/live")
        still_busy = not any(task.done() for task in accepted[1:])

        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:sharpening:problem:not-ready"
        assert live.status_code == 200
        assert still_busy
        assert [task.result().status_code for task in accepted] == [200] * 5
        assert all(PillowImage.open(io.BytesIO(task.result().content)) for task in accepted)
        assert server.process.wait(timeout=PATIENCE_S) == 0
        assert "Traceback" not in server.log.read_text()


def test_a_client_that_goes_away_frees_its_place(
    start_server: StartServer, crowd: ThreadPoolExecutor, picture: bytes
) -> None:
    with start_server(max_megapixels_in_flight="0.25") as server:
        leaving = [begin(server.url, picture) for _ in range(3)]
        wait_until(lambda: read_figure(server.url, "sharpen_queued_requests") == 2)

        for connection in leaving[1:]:
            connection.close()
        wait_until(lambda: read_figure(server.url, "sharpen_queued_requests") == 0)
        leaving[0].close()
        wait_until(lambda: read_figure(server.url, "sharpen_in_flight_megapixels") == 0)

        assert server.log.read_text().count("status=499") == 3
        assert "Traceback" not in server.log.read_text()


def begin(url: str, picture: bytes) -> http.client.HTTPConnection:
    """Send a picture for the teacher, which takes long, and do not wait for the answer."""
    address = httpx.URL(url)
    connection = http.client.HTTPConnection(address.host, address.port, timeout=PATIENCE_S)
    connection.request("POST", "/sharpen?model=teacher", body=picture)
    return connection


def test_weights_are_swapped_under_load_and_no_request_fails(
    start_server: StartServer, crowd: ThreadPoolExecutor, picture: bytes, tmp_path: Path
) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    shutil.copy(REPOSITORY / "weights" / "paper-teacher.safetensors", folder)
    shutil.copy(REPOSITORY / "weights" / "paper-student.safetensors", folder)
    with start_server(weights_dir=str(folder), watch_s="0") as server:
        before = list_models(server.url)
        early = send(crowd, server.url, picture, 4)
        replace_by_another_student(folder / "paper-student.safetensors")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: read_figure(server.url, "sharpen_weights_swaps_total") == 1)
        late = send(crowd, server.url, picture, 4)

        answers = [[task.result() for task in tasks] for tasks in (early, late)]
        assert {answer.status_code for some in answers for answer in some} == {200}
        (new,) = {answer.headers["x-model"] for answer in answers[1]}
        assert new in list_models(server.url)
        assert new not in before


def list_models(url: str) -> list[str]:
    return [model["name"] for model in httpx.get(f"{url}/models", timeout=PATIENCE_S).json()]


def replace_by_another_student(path: Path) -> None:
    """Put weights of the same quality and another digest in place, as the trainer does."""
    from sharpening.weights import load_weights, save_weights

    weights = load_weights(path)
    save_weights(path, weights.tensors, weights.card.model_copy(update={"licence": "CC0-1.0"}))


RAW_REQUESTS = {
    "no request at all": (b"\x16\x03\x01 not HTTP\r\n\r\n", 400),
    "long headers": (b"GET /models HTTP/1.1\r\nHost: s\r\nA: " + b"a" * 40_000 + b"\r\n\r\n", 431),
    "long query": (b"GET /models?a=" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: s\r\n\r\n", 431),
    "endless headers": (b"GET /models HTTP/1.1\r\nHost: s\r\nA: " + b"a" * 400_000, 400),
    "length that is no number": (
        b"POST /sharpen HTTP/1.1\r\nHost: s\r\nContent-Length: ten\r\n\r\n",
        400,
    ),
    "two lengths": (
        b"POST /sharpen HTTP/1.1\r\nHost: s\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\ntext",
        400,
    ),
    "huge length": (
        b"POST /sharpen HTTP/1.1\r\nHost: s\r\nContent-Length: 99999999999\r\n\r\n",
        413,
    ),
    "length longer than the body": (
        b"POST /sharpen HTTP/1.1\r\nHost: s\r\nContent-Length: 10\r\n\r\ntext",
        408,
    ),
    "chunks that never end": (
        b"POST /sharpen HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntext\r\n",
        408,
    ),
    "chunks over the limit": (
        b"POST /sharpen HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n"
        + (b"4000\r\n" + bytes(0x4000) + b"\r\n") * 8,
        413,
    ),
    "chunk whose length is no number": (
        b"POST /sharpen HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\ntext\r\n",
        400,
    ),
}


@pytest.fixture(scope="module")
def hasty(start_server: StartServer) -> Iterator[Any]:
    """A server that waits half a second for bytes and takes no more than 100,000."""
    with start_server(body_timeout_s="0.5", max_body_bytes="100000") as server:
        yield server


@pytest.mark.parametrize("name", RAW_REQUESTS)
def test_bytes_that_no_client_library_would_send_get_an_answer_and_harm_nothing(
    hasty: Any, name: str
) -> None:
    request, status = RAW_REQUESTS[name]
    address = httpx.URL(hasty.url)
    with closing(socket.create_connection((address.host, address.port), PATIENCE_S)) as sent:
        sent.sendall(request)
        answer = sent.recv(10_000)

    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
    assert httpx.get(f"{hasty.url}/health/live").status_code == 200
    assert "Traceback" not in hasty.log.read_text()


def test_a_short_length_ends_the_picture_there(hasty: Any, picture: bytes) -> None:
    address = httpx.URL(hasty.url)
    head = b"POST /sharpen HTTP/1.1\r\nHost: s\r\nContent-Length: 1000\r\n\r\n"
    with closing(socket.create_connection((address.host, address.port), PATIENCE_S)) as sent:
        sent.sendall(head + picture[:4000])
        answer = b"".join(iter(partial(sent.recv, 10_000), b""))

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"broken-image" in answer
