"""An image without an engine: what its Dockerfile says, and what it copies in a folder."""

import json
import os
import re
import shutil
import subprocess
import venv
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Dockerfile:
    """A Dockerfile of the repository, comments left out."""

    path: Path

    @property
    def instructions(self) -> list[tuple[str, str]]:
        """Each instruction and what follows it."""
        lines = [line for line in self.path.read_text().splitlines() if not line.startswith("#")]
        joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
        pairs = (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())
        return [(instruction, rest) for instruction, rest in pairs]

    @property
    def copies(self) -> list[tuple[str, str]]:
        """What is copied from the repository, and where to."""
        copies = [rest.split() for rest in self.all("COPY") if not rest.startswith("--")]
        return [(source, words[-1]) for words in copies for source in words[:-1]]

    def all(self, instruction: str) -> list[str]:
        return [rest for name, rest in self.instructions if name == instruction]

    def last(self, instruction: str) -> str:
        return self.all(instruction)[-1]

    def words(self, instruction: str) -> list[str]:
        """The command of an `ENTRYPOINT`, `CMD` or `HEALTHCHECK` in its exec form."""
        words: list[str] = json.loads(re.sub(r"^[^[]*", "", self.last(instruction)))
        return words


@dataclass(frozen=True)
class Image:
    """A folder with only what a Dockerfile copies, and an environment with nothing but pip."""

    folder: Path
    environment: Path

    @property
    def variables(self) -> dict[str, str]:
        """This process's environment, without what would change how Python or the service runs."""
        foreign = ("PYTHON", "SHARPEN_")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(foreign)}
        return kept | {
            "PATH": f"{self.environment / 'bin'}:{os.environ['PATH']}",
            # bytecode for all of PyTorch takes a while
            "PIP_FLAGS": "--no-compile --quiet",
        }

    def run(self, *command: str) -> str:
        finished = subprocess.run(
            command,
            cwd=self.folder,
            env=self.variables,
            check=False,
            capture_output=True,
            text=True,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout


MakeImage = Callable[[Dockerfile], AbstractContextManager[Image]]


@pytest.fixture
def open_dockerfile() -> Callable[[str], Dockerfile]:
    return lambda name: Dockerfile(REPOSITORY / "docker" / f"{name}.Dockerfile")


@pytest.fixture
def make_image(tmp_path: Path) -> MakeImage:
    """Lay the folder and the environment, and remove the latter: PyTorch is large."""

    @contextmanager
    def make(dockerfile: Dockerfile) -> Iterator[Image]:
        image = Image(tmp_path / "image", tmp_path / "venv")
        for source, target in dockerfile.copies:
            assert target.endswith("/") or (REPOSITORY / source).is_dir()
            _copy(REPOSITORY / source, image.folder / target.lstrip("/"))
        venv.create(image.environment, with_pip=True, symlinks=True)
        try:
            yield image
        finally:
            shutil.rmtree(image.environment)

    return make


def _copy(source: Path, target: Path) -> None:
    """Copy as COPY does: a folder's content or, for a target that ends in a slash, a file."""
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
