"""`docs/api.md` against the real server: every command and every piece of Python, as they stand."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.problems import KINDS

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "api.md").read_text("utf-8")
ADDRESS = "127.0.0.1:8000"
ENDS_S = 120


def find_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)


COMMANDS = [line for block in find_blocks("sh") for line in block.splitlines()]


@pytest.fixture
def _reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be where a reader is: beside `examples`; what is written is thrown away."""
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_reader")
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_succeeds(server: Any, tmp_path: Path, command: str) -> None:
    words = shlex.split(command.replace(ADDRESS, server.url.removeprefix("http://")))
    assert words[0] == "curl"

    ended = subprocess.run([*words, "--fail-with-body"], capture_output=True, timeout=ENDS_S)

    assert ended.returncode == 0, ended.stdout
    written = [tmp_path / words[at + 1] for at, word in enumerate(words) if word == "-o"]
    assert all(path.stat().st_size > 1000 for path in written)
    assert written or ended.stdout


@pytest.mark.usefixtures("_reader")
@pytest.mark.parametrize("code", find_blocks("python"), ids=lambda code: code.split()[1])
def test_every_piece_of_python_runs(server: Any, code: str) -> None:
    program = code.replace(ADDRESS, server.url.removeprefix("http://"))

    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=ENDS_S
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout


def test_every_call_of_the_service_is_on_the_page(server: Any) -> None:
    import httpx

    paths = httpx.get(f"{server.url}/openapi.json", timeout=ENDS_S).json()["paths"]
    assert [
        path for path in paths if f"`{next(iter(paths[path])).upper()} {path}`" not in PAGE
    ] == []


def test_the_table_of_problems_is_the_services_own() -> None:
    rows = re.findall(r"^\| (\d{3}) \| `([a-z-]+)` \| ([^|]+) \|", PAGE, flags=re.MULTILINE)
    kinds = [(str(kind.status), kind.slug, kind.title) for kind in KINDS.values()]
    assert rows == [*kinds, ("500", "unexpected", "The service failed")]
