"""The real server process with the weights that the project ships, over real HTTP."""

import io
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage

from sharpening.degradation import PaperDegradation
from sharpening.metrics import psnr

REPOSITORY = Path(__file__).parents[2]
ANSWER_S = 120
LEAST_GAIN_DB = 1.5


@pytest.fixture(scope="module")
def sharp() -> np.ndarray:
    return skimage.data.chelsea()


def test_a_blurred_photograph_comes_back_sharper(server: Any, sharp: np.ndarray) -> None:
    blurred = PaperDegradation().apply(sharp)

    answer = httpx.post(
        f"{server.url}/sharpen?model=paper/student",
        content=_to_png(blurred),
        headers={"Content-Type": "image/png"},
        timeout=ANSWER_S,
    )

    assert answer.status_code == 200, answer.text
    sharpened = np.asarray(PillowImage.open(io.BytesIO(answer.content)))
    assert psnr(sharp, blurred) == pytest.approx(27.89, abs=0.005)
    assert psnr(sharp, sharpened) - psnr(sharp, blurred) >= LEAST_GAIN_DB


def test_an_evaluation_shows_the_same_gain(server: Any, sharp: np.ndarray) -> None:
    answer = httpx.post(
        f"{server.url}/evaluate?profile=paper",
        files={"reference": _to_png(sharp)},
        timeout=ANSWER_S,
    )

    assert answer.status_code == 200, answer.text
    judgement = answer.json()
    assert judgement["input"]["psnr"] == pytest.approx(27.89, abs=0.005)
    assert judgement["student"]["psnr"] - judgement["input"]["psnr"] >= LEAST_GAIN_DB
    assert judgement["student"]["ssim"] > judgement["input"]["ssim"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_readme_command_sharpens_the_photograph_of_the_readme(
    server: Any, tmp_path: Path
) -> None:
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    lines = readme.replace("\\\n", "").splitlines()
    (line,) = (line for line in lines if line.startswith("curl -sS --data-binary"))
    output = tmp_path / "sharpened.png"
    here = {"sharpened.png": str(output)}
    command = [
        here.get(word, word.replace("http://127.0.0.1:8000", server.url))
        for word in shlex.split(line)
    ]

    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=ANSWER_S)

    sharp, blurred = (_read(REPOSITORY / "examples" / name) for name in _EXAMPLES)
    assert psnr(sharp, _read(output)) - psnr(sharp, blurred) >= LEAST_GAIN_DB


def test_what_no_model_is_named_for_is_left_sharp(server: Any, sharp: np.ndarray) -> None:
    """An ordinary photograph that somebody posts must not get worse."""
    answer = httpx.post(f"{server.url}/sharpen", content=_to_png(sharp), timeout=ANSWER_S)

    assert answer.status_code == 200, answer.text
    assert psnr(sharp, np.asarray(PillowImage.open(io.BytesIO(answer.content)))) > 38


def test_what_is_no_picture_is_a_problem(server: Any) -> None:
    answer = httpx.post(f"{server.url}/sharpen", content=b"text", timeout=ANSWER_S)

    assert answer.status_code == 415
    assert answer.headers["content-type"] == "application/problem+json"


def test_sigterm_ends_it_with_exit_code_0_though_an_upload_never_ends(
    start_server: Callable[..., AbstractContextManager[Any]],
) -> None:
    with start_server(drain_timeout_s="0") as server:
        address = httpx.URL(server.url)
        with socket.create_connection((address.host, address.port), timeout=ANSWER_S) as upload:
            upload.sendall(_HEAD_OF_AN_UPLOAD)
            assert upload.recv(1000).startswith(b"HTTP/1.1 100")  # it waits for the body

            server.process.send_signal(signal.SIGTERM)

            assert server.process.wait(timeout=ANSWER_S) == 0
            assert upload.recv(1000).startswith(b"HTTP/1.1 503")
        assert "Traceback" not in server.log.read_text()


_EXAMPLES = ("dog.png", "dog-blurred.png")

_HEAD_OF_AN_UPLOAD = (
    b"POST /sharpen HTTP/1.1\r\nHost: service\r\nContent-Type: image/png\r\n"
    b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
)


def _to_png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def _read(path: Path) -> np.ndarray:
    return np.asarray(PillowImage.open(path))
