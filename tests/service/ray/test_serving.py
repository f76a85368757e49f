"""The application in replicas on a real cluster: the same answers, and none lost but with them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from benchmarks.cluster import serve_replicas
from service.client import AsyncSharpenClient, ClientError, Pair, Retries, SharpenClient
from service.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

PATIENCE_S = 60
OF_EACH_PROCESS = ("date", "server", "server-timing", "x-request-id")
"""Headers that differ from one answer to the next, or say who sent it."""

StartClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture(scope="module")
def chosen(weights_dir: Path) -> dict[str, str]:
    """The settings, as text."""
    return {
        "weights_dir": str(weights_dir),
        "device": "cpu",
        "ray_min_replicas": "2",
        "ray_max_replicas": "2",
        "max_megapixels_in_flight": "0.2",
        "max_megapixels_queued": "0.4",
    }


@pytest.fixture(scope="module")
def url(cluster: str, chosen: dict[str, str], tmp_path_factory: Any) -> Iterator[str]:
    """Where two replicas answer."""
    log = tmp_path_factory.mktemp("serve") / "log"
    with serve_replicas(cluster, log, **chosen) as url:
        yield url


@pytest.fixture
def settings(chosen: dict[str, str]) -> Settings:
    return Settings.model_validate(chosen)


@pytest.fixture
async def both(
    url: str, settings: Settings, start_client: StartClient
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Clients of the application on the cluster and of the same one in this process."""
    async with (
        httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as there,
        start_client(settings) as here,
    ):
        yield there, here


@pytest.fixture
def picture(photograph: np.ndarray, to_file: Callable[..., bytes]) -> bytes:
    return to_file(photograph)


def describe(answer: httpx.Response) -> tuple[int, dict[str, str], object]:
    """Return what must be the same wherever it comes from."""
    kept = {name: text for name, text in answer.headers.items() if name not in OF_EACH_PROCESS}
    if not answer.headers["content-type"].endswith("json"):
        return answer.status_code, kept, answer.content
    content = answer.json()
    if isinstance(content, dict):
        content.pop("request_id", None)
    kept.pop("content-length")  # which counts the id too
    return answer.status_code, kept, content


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("GET", "/health/ready", {}),
        ("GET", "/models", {}),
        ("GET", "/openapi.json", {}),
        ("POST", "/sharpen", {"content": "picture"}),
        ("POST", "/sharpen?strength=0.5&format=webp&quality=70", {"content": "picture"}),
        ("POST", "/sharpen", {"files": {"image": "picture"}}),
        ("POST", "/evaluate", {"files": {"reference": "picture"}}),
        ("POST", "/evaluate", {"files": {"reference": "picture", "image": "picture"}}),
        ("POST", "/sharpen", {"content": b"text"}),
        ("POST", "/sharpen?model=nobody", {"content": "picture"}),
        ("POST", "/sharpen?strength=9", {"content": "picture"}),
        ("GET", "/nowhere", {}),
        ("DELETE", "/sharpen", {}),
    ],
)
async def test_answers_and_headers_are_those_of_one_process(
    both: tuple[httpx.AsyncClient, httpx.AsyncClient],
    picture: bytes,
    method: str,
    path: str,
    options: dict[str, Any],
) -> None:
    def fill(value: object) -> object:
        if isinstance(value, dict):
            return {name: fill(each) for name, each in value.items()}
        return picture if value == "picture" else value

    filled: Any = fill(options)
    there, here = [await client.request(method, path, **filled) for client in both]

    assert describe(there) == describe(here)


async def test_a_request_has_one_id_in_its_header_and_its_problem(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
        given = await client.get("/nowhere", headers={"X-Request-ID": "mine"})
        made = await client.get("/nowhere")

    assert given.headers.get_list("X-Request-ID") == ["mine"]
    assert given.json()["request_id"] == "mine"
    assert made.headers.get_list("X-Request-ID") == [made.json()["request_id"]]


async def test_a_batch_is_judged_line_by_line(url: str, picture: bytes, tmp_path: Path) -> None:
    (tmp_path / "sharp.png").write_bytes(picture)
    pairs = [Pair(name, tmp_path / "sharp.png") for name in ("a.png", "b.png")]
    with SharpenClient(url) as client:
        *lines, summary = client.evaluate_batch(pairs)

    assert sorted(line.name for line in lines) == ["a.png", "b.png"]
    assert (summary.pictures, summary.errors) == (2, 0)


async def test_a_stream_of_frames_comes_back(url: str, picture: bytes) -> None:
    async with AsyncSharpenClient(url) as client, client.stream() as stream:
        await stream.send(picture)
        frame = await anext(aiter(stream))
    assert frame.data


async def test_too_much_is_sent_away_with_our_own_problem(
    url: str, to_file: Callable[..., bytes]
) -> None:
    """Both replicas together take a bit more than a megapixel; this is very much more."""
    large = to_file(np.random.default_rng(1).integers(0, 256, (360, 400, 3), np.uint8))
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
        sent = [client.post("/sharpen?model=teacher", content=large) for _ in range(40)]
        answers = await asyncio.gather(*sent)

    assert {answer.status_code for answer in answers} == {200, 429}
    for answer in answers:
        if answer.status_code == 429:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.json()["type"] == "urn:sharpening:problem:too-busy"


async def test_a_replica_killed_under_load_loses_only_what_it_was_working_on(
    url: str, picture: bytes
) -> None:
    """Each client asks again what it lost; with its own retries the client does so by itself."""
    expected = httpx.post(f"{url}/sharpen", content=picture, timeout=PATIENCE_S).content
    lost: list[ClientError] = []
    wrong: list[int] = []

    def work(index: int) -> None:
        with SharpenClient(url, retries=Retries(attempts=0)) as client:
            for turn in range(40):
                if index == 0 and turn == 5:
                    os.kill(find_replica(), signal.SIGKILL)
                while True:
                    try:
                        sharpened = client.sharpen(picture)
                        break
                    except ClientError as error:
                        lost.append(error)
                if sharpened.data != expected:
                    wrong.append(turn)

    with ThreadPoolExecutor(4) as clients:
        for done in [clients.submit(work, index) for index in range(4)]:
            done.result()

    assert not wrong
    assert all(error.worth_repeating for error in lost)
    # one request at a time of each client is all that can be lost with the replica
    assert len(lost) <= 4, lost


def find_replica() -> int:
    """Return the process of one replica, which descends from this one as all of the cluster do."""
    parents: dict[int, int] = {}
    replicas: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended in the meantime
            pid = int(folder.name)
            parents[pid] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if (folder / "cmdline").read_bytes().startswith(b"ray::ServeReplica:"):
                replicas.append(pid)
    return next(pid for pid in replicas if os.getpid() in list_ancestors(pid, parents))


def list_ancestors(pid: int, parents: dict[int, int]) -> list[int]:
    ancestors = [pid]
    while (parent := parents.get(ancestors[-1])) is not None:
        ancestors.append(parent)
    return ancestors
