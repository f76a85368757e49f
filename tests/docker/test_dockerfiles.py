"""What holds for both Dockerfiles."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
HADOLINT = Path(sys.executable).with_name("hadolint")
NAMES = ("service", "trainer")


@pytest.mark.parametrize("name", NAMES)
def test_hadolint_finds_nothing(name: str) -> None:
    path = REPOSITORY / "docker" / f"{name}.Dockerfile"
    linted = subprocess.run([HADOLINT, path], capture_output=True, text=True, check=False)
    assert (linted.stdout, linted.returncode) == ("", 0)


def test_every_file_that_is_copied_reaches_the_builder_and_no_other(
    open_dockerfile: Callable[[str], Any],
) -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert sent == {source for name in NAMES for source, _ in open_dockerfile(name).copies}


@pytest.mark.parametrize("name", NAMES)
def test_the_image_is_installed_by_the_script_that_is_tested(
    open_dockerfile: Callable[[str], Any], name: str
) -> None:
    installing = [line for line in open_dockerfile(name).all("RUN") if "install.sh" in line]
    assert installing
    assert all(f"docker/install.sh {name}" in line for line in installing)
    assert not any("pip install" in line for line in open_dockerfile(name).all("RUN"))
