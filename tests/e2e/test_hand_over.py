"""Two processes and one folder: the trainer exports, and the service answers with it at once.

No request fails on the way, and the service writes nothing into the folder.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 120
CLIENTS = 2
PAUSE_S = 0.05
"""Between two requests of a client, so that the trainer has some of the machine too."""
ANSWERED = "X-Model"


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder of 6 different photographs of 128x128."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    photograph = skimage.data.astronaut()
    for index, (row, column) in enumerate(np.ndindex(2, 3)):
        piece = photograph[row * 128 : row * 128 + 128, column * 128 : column * 128 + 128]
        PillowImage.fromarray(piece).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    """The preset `smoke`, with hardly any steps."""
    text = (REPOSITORY / "trainer" / "presets" / "smoke.toml").read_text()
    path = tmp_path / "short.toml"
    path.write_text(re.sub(r"^(steps|validate_every_steps) = \d+", r"\1 = 4", text, flags=re.M))
    return path


def list_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@contextmanager
def under_load(url: str, picture: bytes) -> Iterator[list[httpx.Response]]:
    """Keep several clients asking, one request each at a time; yield all answers as they come."""
    answers: list[httpx.Response] = []
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(timeout=PATIENCE_S) as client:
            while not over.wait(PAUSE_S):
                answers.append(client.post(f"{url}/sharpen", content=picture))

    with ThreadPoolExecutor(CLIENTS) as clients:
        asking = [clients.submit(ask) for _ in range(CLIENTS)]
        try:
            yield answers
        finally:
            over.set()
    for each in asking:
        each.result()  # a request that had no answer at all


@pytest.mark.slow
def test_a_service_takes_what_the_trainer_exports_without_a_failed_request(
    start_server: Callable[..., AbstractContextManager[Any]],
    photographs: Path,
    preset: Path,
    tmp_path: Path,
) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    file = weights / "paper-student.safetensors"
    shutil.copy(REPOSITORY / "weights" / file.name, file)
    old = name_student(file)
    picture = (photographs / "0.png").read_bytes()
    settings = {
        "weights_dir": str(weights),
        "profile": "paper",
        "watch_s": "0.2",
        "canary_gain_db": "-100",  # of four steps nothing can be expected
    }
    paths = {"--data": photographs, "--run": tmp_path / "run", "--output": weights}

    with start_server(**settings) as server, under_load(server.url, picture) as answers:
        subprocess.run(
            [
                *(sys.executable, "-m", "trainer", "all", "--preset", str(preset)),
                *("--device", "cpu", "--threads", "1"),
                *(str(word) for option in paths.items() for word in option),
            ],
            cwd=REPOSITORY,
            check=True,
            timeout=PATIENCE_S,
        )
        exported = list_files(weights)
        new = name_student(file)
        deadline_s = time.monotonic() + PATIENCE_S
        while answers[-1].headers.get(ANSWERED) != new and time.monotonic() < deadline_s:
            time.sleep(0.1)
        failed = [answer.text for answer in answers if answer.status_code != 200]
        assert (failed, server.process.poll()) == ([], None)

    named = [answer.headers[ANSWERED] for answer in answers]
    assert (named[0], named[-1]) == (old, new)
    assert set(named) == {old, new}
    pictures = {(answer.headers[ANSWERED], answer.content) for answer in answers}
    assert len(pictures) == 2  # each model gives one answer, and they differ
    assert len({content for _, content in pictures}) == 2
    assert list_files(weights) == exported


def name_student(path: Path) -> str:
    return f"student@{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
