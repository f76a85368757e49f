"""Batches over real HTTP: lines come while others are still worked on, and memory stays put."""

import io
import json
import os
import re
import shutil
import socket
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage

from sharpening.degradation import PaperDegradation
from sharpening.engine import Engine
from sharpening.evaluation import evaluate
from sharpening.runtimes import choose_runtime
from sharpening.weights import load_weights

REPOSITORY = Path(__file__).parents[2]
ANSWER_S = 120
SMALL_PX = 24
ZIP = {"Content-Type": "application/zip"}


StartServer = Callable[..., AbstractContextManager[Any]]

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux's /proc")


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return skimage.data.chelsea()[:120, :160]


@pytest.fixture(scope="module")
def quick(start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server of the student alone, on one thread, with a place for one batch."""
    folder = tmp_path_factory.mktemp("student")
    for path in (REPOSITORY / "weights").glob("paper-student.safetensors"):
        shutil.copy(path, folder)
    with start_server(
        weights_dir=str(folder), inference_threads="1", codec_workers="1", max_batches="1"
    ) as started:
        yield started


def to_png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def to_zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def make_small_batch(count: int) -> bytes:
    """Return a zip of pairs of noise."""
    generator = np.random.default_rng(0)
    files: dict[str, bytes] = {}
    for number in range(count):
        pixels = generator.integers(0, 256, (2, SMALL_PX, SMALL_PX, 3), np.uint8)
        for folder, each in zip(("reference", "image"), pixels, strict=True):
            files[f"{folder}/{number}.png"] = to_png(each)
    return to_zip(files)


def test_the_figures_are_those_that_the_trainer_comes_to(
    server: Any, photograph: np.ndarray
) -> None:
    blurred = PaperDegradation().apply(photograph)
    files = {"reference": ("cat.png", to_png(photograph)), "image": ("cat.png", to_png(blurred))}

    url = f"{server.url}/evaluate/batch?profile=paper"
    answer = httpx.post(url, files=files, timeout=ANSWER_S)

    paths = sorted((REPOSITORY / "weights").glob("paper-*.safetensors"))
    weights = {(each := load_weights(path)).card.role: each for path in paths}
    engines = {role: Engine(choose_runtime(each)) for role, each in weights.items()}
    expected, _ = evaluate(photograph, blurred, engines)
    line, last = (json.loads(text) for text in answer.text.splitlines())
    assert line["input"] == expected.input.model_dump()
    for role, scores in expected.models.items():
        assert line[role]["psnr"] == pytest.approx(scores.psnr, abs=1e-3)
        assert line[role]["ssim"] == pytest.approx(scores.ssim, abs=1e-5)
    assert last["summary"]["student"]["psnr"]["mean"] == line["student"]["psnr"]


def test_a_line_is_there_before_the_batch_is_done(quick: Any, photograph: np.ndarray) -> None:
    files = {"reference/broken.png": b"broken"}
    files |= {f"reference/{number}.png": to_png(photograph) for number in range(12)}

    body = to_zip(files)
    with httpx.stream(
        "POST", f"{quick.url}/evaluate/batch", content=body, headers=ZIP, timeout=ANSWER_S
    ) as answer:
        chunks = [chunk for chunk in answer.iter_raw() if chunk]

    lines = [json.loads(line) for line in b"".join(chunks).splitlines()]
    assert lines[0]["name"] == "broken.png"
    assert lines[0]["problem"]["status"] == 415
    assert len(lines) == 14
    assert lines[-1]["summary"]["errors"] == 1
    assert len(chunks) > 5


@needs_proc
def test_closing_the_connection_ends_the_work_and_frees_the_disk(
    quick: Any, photograph: np.ndarray
) -> None:
    count = 200
    pixels = photograph.shape[0] * photograph.shape[1]
    body = to_zip({f"reference/{number}.png": to_png(photograph) for number in range(count)})
    files = _count_nameless_files(quick.process.pid)
    ended = len(_list_logged_pixels(quick.log))
    with _connect(quick, body) as connection:
        _read_until(connection, b'"student"')
        assert _count_nameless_files(quick.process.pid) == files + 1

    _wait_for(lambda: len(_list_logged_pixels(quick.log)) > ended)

    assert pixels <= _list_logged_pixels(quick.log)[-1] < count * pixels / 2
    assert _count_nameless_files(quick.process.pid) == files
    small = {"reference": ("a.png", to_png(photograph[:SMALL_PX]))}
    again = httpx.post(f"{quick.url}/evaluate/batch", files=small, timeout=ANSWER_S)
    assert again.status_code == 200  # though there is a place for one batch only
    assert "Traceback" not in quick.log.read_text()


@needs_proc
def test_hundreds_of_pairs_leave_memory_where_it_was(quick: Any) -> None:
    def judge(count: int) -> None:
        answer = httpx.post(
            f"{quick.url}/evaluate/batch",
            content=make_small_batch(count),
            headers=ZIP,
            timeout=ANSWER_S,
        )
        *lines, last = answer.text.splitlines()
        assert len(lines) == count
        assert json.loads(last)["summary"]["errors"] == 0

    judge(40)
    before_mb = _read_memory_mb(quick.process.pid, "VmRSS")
    judge(300)
    assert _read_memory_mb(quick.process.pid, "VmRSS") - before_mb < 30


@needs_proc
def test_a_large_upload_is_not_held_in_memory(quick: Any) -> None:
    """A hundred and fifty megabytes that are no pictures: each is its own problem."""
    before_mb = _read_memory_mb(quick.process.pid, "VmHWM")
    noise = os.urandom(30_000_000)
    body = to_zip({f"reference/{number}.png": noise for number in range(5)})
    del noise

    answer = httpx.post(f"{quick.url}/evaluate/batch", content=body, headers=ZIP, timeout=ANSWER_S)

    *lines, _ = (json.loads(line) for line in answer.text.splitlines())
    assert [line["problem"]["status"] for line in lines] == [415] * 5
    assert _read_memory_mb(quick.process.pid, "VmHWM") - before_mb < 110


def test_a_single_picture_is_answered_while_a_batch_is_judged(
    quick: Any, photograph: np.ndarray
) -> None:
    body = to_zip({f"reference/{number}.png": to_png(photograph) for number in range(30)})
    with httpx.stream(
        "POST", f"{quick.url}/evaluate/batch", content=body, headers=ZIP, timeout=ANSWER_S
    ) as answer:
        lines = answer.iter_lines()
        next(lines)
        data = to_png(photograph[:SMALL_PX])
        single = httpx.post(f"{quick.url}/sharpen", content=data, timeout=ANSWER_S)
        left = len(list(lines))

    assert single.status_code == 200
    assert left == 30


def _connect(server: Any, body: bytes) -> socket.socket:
    """Send the batch as one request and return the connection, which can be closed at any time."""
    address = httpx.URL(server.url)
    connection = socket.create_connection((address.host, address.port), timeout=ANSWER_S)
    head = (
        "POST /evaluate/batch HTTP/1.1\r\nHost: service\r\nContent-Type: application/zip\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


def _read_until(connection: socket.socket, text: bytes) -> None:
    received = b""
    while text not in received:
        received += connection.recv(1 << 16)


def _wait_for(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + ANSWER_S
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def _list_logged_pixels(log: Path) -> list[int]:
    """Return the pixels of every batch that has ended."""
    found = re.findall(r"POST /evaluate/batch .* pixels=(\d+)", log.read_text())
    return [int(pixels) for pixels in found]


def _count_nameless_files(pid: int) -> int:
    folder = Path(f"/proc/{pid}/fd")
    return sum(os.readlink(each).endswith("(deleted)") for each in folder.iterdir())


def _read_memory_mb(pid: int, field: str) -> float:
    """Return `VmRSS`, the memory of the process now, or `VmHWM`, the most that it ever was."""
    status = Path(f"/proc/{pid}/status").read_text()
    (kilobytes,) = re.findall(rf"{field}:\s+(\d+) kB", status)
    return int(kilobytes) / 1024
