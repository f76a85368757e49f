"""Pictures in folders, and the command line run on small weights."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from service.cli import main
from sharpening.degradation import PaperDegradation

Run = Callable[..., int]


@pytest.fixture
def run(weights_dir: Path) -> Run:
    """Run a verb in this process and return its exit status."""

    def run(verb: str, *words: str | os.PathLike[str]) -> int:
        return main([verb, *map(str, words), "--weights", str(weights_dir)])

    return run


@pytest.fixture
def sharp_dir(tmp_path: Path, photograph: np.ndarray, to_file: Callable[..., bytes]) -> Path:
    """A folder with `a.png` and `below/b.png`."""
    folder = tmp_path / "sharp"
    (folder / "below").mkdir(parents=True)
    (folder / "a.png").write_bytes(to_file(photograph))
    (folder / "below/b.png").write_bytes(to_file(photograph[::-1]))
    return folder


@pytest.fixture
def blurred_dir(tmp_path: Path, photograph: np.ndarray, to_file: Callable[..., bytes]) -> Path:
    """The same pictures blurred."""
    folder = tmp_path / "blurred"
    (folder / "below").mkdir(parents=True)
    blur = PaperDegradation().apply
    (folder / "a.png").write_bytes(to_file(blur(photograph)))
    (folder / "below/b.png").write_bytes(to_file(blur(photograph[::-1])))
    return folder
