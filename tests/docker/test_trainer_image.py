"""The trainer's image without an engine: what its Dockerfile says, and what it installs."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = REPOSITORY / "docker" / "trainer.Dockerfile"
HADOLINT = Path(sys.executable).with_name("hadolint")


def read_instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions and what follows each, comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
    return [(instruction, rest) for instruction, rest in pairs]


def read_copies() -> list[tuple[str, str]]:
    """Return what the Dockerfile copies from the repository, and where to in its work folder."""
    copies = [rest.split() for instruction, rest in read_instructions() if instruction == "COPY"]
    return [(source, words[-1]) for words in copies for source in words[:-1]]


def last(instruction: str) -> str:
    return [rest for name, rest in read_instructions() if name == instruction][-1]


def test_hadolint_finds_nothing() -> None:
    linted = subprocess.run([HADOLINT, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (linted.stdout, linted.returncode) == ("", 0)


def test_the_trainer_is_the_entry_point_and_is_not_run_by_root() -> None:
    assert json.loads(last("ENTRYPOINT")) == ["python", "-m", "trainer"]
    assert last("USER") == "1000:1000"


def test_the_python_is_the_one_that_the_constraints_are_for() -> None:
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", last("FROM"))


def test_every_file_that_is_copied_reaches_the_builder() -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert sent == {source for source, _ in read_copies()}


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Path]:
    """A virtual environment with nothing but pip, removed afterwards: PyTorch is large."""
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=True, symlinks=True)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
def test_what_is_copied_and_installed_trains(environment: Path, tmp_path: Path) -> None:
    image = tmp_path / "image"
    for source, target in read_copies():
        assert target.endswith("/") or (REPOSITORY / source).is_dir()
        copy(REPOSITORY / source, image / target)
    variables = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    variables["PATH"] = f"{environment / 'bin'}:{os.environ['PATH']}"
    variables["PIP_FLAGS"] = "--no-compile --quiet"  # bytecode for all of PyTorch takes a while

    def run(*command: str) -> str:
        finished = subprocess.run(
            command, cwd=image, env=variables, check=False, capture_output=True, text=True
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    assert "PyTorch 2.13.0" in run("docker/install-trainer.sh")
    entry_point = json.loads(last("ENTRYPOINT"))
    assert "train-teacher" in run(*entry_point, *json.loads(last("CMD")))
    photographs = write_photographs(tmp_path / "photographs")
    preset = ("--preset", "smoke", "--device", "cpu", "--steps", "1")
    paths = ("--data", str(photographs), "--run", str(tmp_path / "run"))
    run(*entry_point, "train-teacher", *preset, *paths)
    assert (tmp_path / "run" / "weights.safetensors").exists()


def copy(source: Path, target: Path) -> None:
    """Copy as COPY does: a folder's content or, for a target that ends in a slash, a file."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def write_photographs(folder: Path) -> Path:
    """Write quarters of a photograph and return their folder."""
    folder.mkdir()
    astronaut = skimage.data.astronaut()
    for row, column in np.ndindex(2, 2):
        piece = astronaut[row * 256 : row * 256 + 256, column * 256 : column * 256 + 256]
        PillowImage.fromarray(piece).save(folder / f"{row}{column}.png")
    return folder
