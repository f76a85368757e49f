"""The real server process, for whatever must be measured or tested from outside."""

import argparse
import os
import re
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
_LOOK_S = 0.1


@dataclass(frozen=True)
class Server:
    """A running server, where it listens and what it logs."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

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


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> Server:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s and process.poll() is None:
        listening = re.search(r"running on (http://\S+)", log.read_text())
        if listening and _is_ready(listening[1]):
            return Server(process, listening[1], log)
        time.sleep(_LOOK_S)
    raise RuntimeError(f"the server did not become ready: {log.read_text()}")


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=_START_S).status_code == 200
    except httpx.TransportError:
        return False
