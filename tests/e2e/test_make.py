"""What `make serve` runs, and where it takes the address from; nothing is installed."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def read_serve_command(*arguments: str, **variables: str) -> list[str]:
    """Return what make would give to Python with this environment."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    printed = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "serve", *arguments],
        cwd=REPOSITORY,
        env=inherited | variables,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return shlex.split(printed.splitlines()[-1])[1:]


def test_host_and_port_of_the_command_line_are_passed_on() -> None:
    command = read_serve_command("HOST=0.0.0.0", "PORT=9000")

    assert command == ["-m", "service", "--host", "0.0.0.0", "--port", "9000"]


def test_host_and_port_of_the_environment_are_somebody_elses() -> None:
    assert read_serve_command(HOST="x86_64-conda-linux-gnu", PORT="1") == ["-m", "service"]


def test_the_service_understands_what_make_tells_it() -> None:
    command = read_serve_command("HOST=0.0.0.0", "PORT=9000")
    subprocess.run([sys.executable, *command, "--help"], cwd=REPOSITORY, check=True)
