"""Small videos made of the repository's photograph, and the real command on real weights."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.clips import Clip, pan, write_clip
from service.cli import main

WEIGHTS = Path(__file__).parents[3] / "weights"
WIDTH_PX, HEIGHT_PX, FRAMES = 160, 96, 12

Sharpen = Callable[..., int]
MakeClip = Callable[..., Path]


@pytest.fixture
def make_clip(tmp_path: Path) -> MakeClip:
    """Write a clip of twelve frames of 160x96 px."""

    def make(name: str = "in.mp4", **properties: object) -> Path:
        path = tmp_path / name
        write_clip(path, pan(WIDTH_PX, HEIGHT_PX, FRAMES), Clip(**properties))
        return path

    return make


@pytest.fixture(scope="session")
def student_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the shipped student of `paper` alone, which is loaded in no time."""
    folder = tmp_path_factory.mktemp("student")
    shutil.copy(WEIGHTS / "paper-student.safetensors", folder)
    return folder


@pytest.fixture
def sharpen(student_dir: Path) -> Sharpen:
    """Run `sharpen video` with the shipped student of `paper`; returns the exit status."""

    def run(source: Path, target: Path, *words: object) -> int:
        return main(
            [str(word) for word in ("video", source, target, "--weights", student_dir, *words)]
        )

    return run
