"""The real server process with the weights that the project ships, over real HTTP."""

import io
import os
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
import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage

from sharpening.degradation import PaperDegradation
from sharpening.metrics import psnr

REPOSITORY = Path(__file__).parents[2]
START_S = 60
ANSWER_S = 60
LEAST_GAIN_DB = 1.5


@dataclass(frozen=True)
class Server:
    """A running server and where it listens."""

    process: subprocess.Popen[bytes]
    url: str


@contextmanager
def start_server() -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if "SHARPEN_" not in name}
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "--port", str(port)], cwd=REPOSITORY, env=environment
    )
    try:
        server = Server(process, f"http://127.0.0.1:{port}")
        _wait_until_ready(server)
        yield server
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with start_server() as started:
        yield started


@pytest.fixture(scope="module")
def sharp() -> np.ndarray:
    return skimage.data.chelsea()


def test_a_blurred_photograph_comes_back_sharper(server: Server, sharp: np.ndarray) -> None:
    blurred = PaperDegradation().apply(sharp)

    answer = httpx.post(
        f"{server.url}/sharpen",
        content=_to_png(blurred),
        headers={"Content-Type": "image/png"},
        timeout=ANSWER_S,
    )

    assert answer.status_code == 200, answer.text
    sharpened = np.asarray(PillowImage.open(io.BytesIO(answer.content)))
    assert psnr(sharp, blurred) == pytest.approx(27.89, abs=0.005)
    assert psnr(sharp, sharpened) - psnr(sharp, blurred) >= LEAST_GAIN_DB


def test_an_evaluation_shows_the_same_gain(server: Server, sharp: np.ndarray) -> None:
    answer = httpx.post(
        f"{server.url}/evaluate", files={"reference": _to_png(sharp)}, timeout=ANSWER_S
    )

    assert answer.status_code == 200, answer.text
    judgement = answer.json()
    assert judgement["input"]["psnr"] == pytest.approx(27.89, abs=0.005)
    assert judgement["student"]["psnr"] - judgement["input"]["psnr"] >= LEAST_GAIN_DB
    assert judgement["student"]["ssim"] > judgement["input"]["ssim"]


def test_what_is_no_picture_is_a_problem(server: Server) -> None:
    answer = httpx.post(f"{server.url}/sharpen", content=b"text", timeout=ANSWER_S)

    assert answer.status_code == 415
    assert answer.headers["content-type"] == "application/problem+json"


def test_sigterm_ends_it_with_exit_code_0() -> None:
    with start_server() as server:
        server.process.send_signal(signal.SIGTERM)

        assert server.process.wait(timeout=START_S) == 0


def _wait_until_ready(server: Server) -> None:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        assert server.process.poll() is None, "the server ended before it was ready"
        try:
            if httpx.get(f"{server.url}/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail(f"the server was not ready after {START_S} s")


def _to_png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()
