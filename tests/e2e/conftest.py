"""The real server process, on a port that the system chooses."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

REPOSITORY = Path(__file__).parents[2]
START_S = 120


@dataclass(frozen=True)
class Server:
    """A running server, where it listens and what it logs."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path


StartServer = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> StartServer:
    """Start a server with these settings, wait until it is ready and in the end kill it."""

    @contextmanager
    def start(**settings: str) -> Iterator[Server]:
        log = tmp_path_factory.mktemp("server") / "log"
        environment = {name: text for name, text in os.environ.items() if "SHARPEN_" not in name}
        environment |= {f"SHARPEN_{name.upper()}": text for name, text in settings.items()}
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "service", "--port", "0"],
                cwd=REPOSITORY,
                env=environment,
                stderr=stream,
            )
        try:
            yield _wait_until_ready(process, log)
        finally:
            process.kill()
            process.wait()

    return start


@pytest.fixture(scope="session")
def server(start_server: StartServer) -> Iterator[Server]:
    with start_server() as started:
        yield started


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> Server:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        assert process.poll() is None, f"the server ended before it was ready: {log.read_text()}"
        listening = re.search(r"running on (http://\S+)", log.read_text())
        if listening and _is_ready(listening[1]):
            return Server(process, listening[1], log)
        time.sleep(0.1)
    pytest.fail(f"the server was not ready after {START_S} s: {log.read_text()}")


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=START_S).status_code == 200
    except httpx.TransportError:
        return False
