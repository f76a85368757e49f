"""The real server process, for whatever must be measured or tested from outside."""

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

REPOSITORY = Path(__file__).parents[1]
_START_S = 120
_LOOK_S = 0.02


@dataclass(frozen=True)
class Server:
    """A running server, where it listens and what it logs."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    ready_after_s: float
    """From the start of the process until it said that it was ready."""

    def read_memory(self, entry: str = "VmRSS") -> int:
        """Return bytes of memory: what it has now, or with `VmHWM` the most it ever had; Linux."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"^{entry}:\s+(\d+) kB", status, flags=re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024

    def forget_peak(self) -> None:
        """Let `VmHWM` begin anew from what it has now."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Let the command line set what the server is started with: `options.setting`, for `dict`."""
    parser.add_argument(
        "--setting",
        action="append",
        default=[],
        type=_split,
        metavar="NAME=VALUE",
        help="of the server, such as inference_threads=1; may be given more than once",
    )


def _split(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


@contextmanager
def start_server(log: Path, **settings: str) -> Iterator[Server]:
    """Start a server with these settings on a free port, wait until it is ready; kill it later.

    The environment's own settings do not reach it. Raises `RuntimeError` if it does not start.
    """
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


@contextmanager
def start_litserve(weights: Path) -> Iterator[str]:
    """Start `benchmarks.litserve_app` on a free port and yield its address; kill it later."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-m", "benchmarks.litserve_app", f"--port={port}", f"--weights={weights}"]
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline_s = time.monotonic() + _START_S
        while not _answers(f"{url}/health"):
            if time.monotonic() > deadline_s or process.poll() is not None:
                raise RuntimeError("LitServe did not become ready")
            time.sleep(_LOOK_S)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its workers are processes of their own
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> Server:
    begun_s = time.monotonic()
    while time.monotonic() < begun_s + _START_S and process.poll() is None:
        listening = re.search(r"running on (http://\S+)", log.read_text())
        if listening and _answers(f"{listening[1]}/health/ready"):
            return Server(process, listening[1], log, time.monotonic() - begun_s)
        time.sleep(_LOOK_S)
    raise RuntimeError(f"the server did not become ready: {log.read_text()}")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=_START_S).status_code == 200
    except httpx.TransportError:
        return False
