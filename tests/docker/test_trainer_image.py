"""The trainer's image without an engine: what its Dockerfile says, and what it installs."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage


@pytest.fixture
def dockerfile(open_dockerfile: Callable[[str], Any]) -> Any:
    return open_dockerfile("trainer")


def test_the_trainer_is_the_entry_point_and_is_not_run_by_root(dockerfile: Any) -> None:
    assert dockerfile.words("ENTRYPOINT") == ["python", "-m", "trainer"]
    assert dockerfile.last("USER") == "1000:1000"


def test_the_python_is_the_one_that_the_constraints_are_for(dockerfile: Any) -> None:
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", dockerfile.last("FROM"))


@pytest.mark.slow
def test_what_is_copied_and_installed_trains(
    dockerfile: Any, make_image: Callable[..., Any], tmp_path: Path
) -> None:
    photographs = write_photographs(tmp_path / "photographs")
    preset = ("--preset", "smoke", "--device", "cpu", "--steps", "1")
    paths = ("--data", str(photographs), "--run", str(tmp_path / "run"))
    entry_point = dockerfile.words("ENTRYPOINT")

    with make_image(dockerfile) as image:
        image.run("docker/install.sh", "trainer")
        assert "train-teacher" in image.run(*entry_point, *dockerfile.words("CMD"))
        image.run(*entry_point, "train-teacher", *preset, *paths)

    assert (tmp_path / "run" / "weights.safetensors").exists()


def write_photographs(folder: Path) -> Path:
    """Write quarters of a photograph and return their folder."""
    folder.mkdir()
    astronaut = skimage.data.astronaut()
    for row, column in np.ndindex(2, 2):
        piece = astronaut[row * 256 : row * 256 + 256, column * 256 : column * 256 + 256]
        PillowImage.fromarray(piece).save(folder / f"{row}{column}.png")
    return folder
