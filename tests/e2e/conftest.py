"""The real server process, on a port that the system chooses."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from benchmarks.server import Server, start_server

StartServer = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="session", name="start_server")
def _start_server(tmp_path_factory: pytest.TempPathFactory) -> StartServer:
    """Start a server with these settings, wait until it is ready and in the end kill it."""

    def start(**settings: str) -> AbstractContextManager[Server]:
        return start_server(tmp_path_factory.mktemp("server") / "log", **settings)

    return start


@pytest.fixture(scope="session")
def server(start_server: StartServer) -> Iterator[Server]:
    with start_server(max_wait_s="300", precision="float32") as started:
        yield started
