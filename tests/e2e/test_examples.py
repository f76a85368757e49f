"""The scripts of `examples/`, as they stand, each in a process of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PillowImage

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = sorted((REPOSITORY / "examples").glob("*.py"))
MAX_LINES = 30
ENDS_S = 120


def look(path: Path) -> tuple[str | None, tuple[int, int]]:
    """Return format and size of a picture."""
    with PillowImage.open(path) as picture:
        return picture.format, picture.size


@pytest.fixture
def run_script(server: Any, tmp_path: Path) -> Any:
    """Run a script in a folder with small pictures in its `examples`, and return what it prints."""
    (tmp_path / "examples").mkdir()
    for name in ("dog.png", "dog-blurred.png"):
        with PillowImage.open(REPOSITORY / "examples" / name) as picture:
            picture.crop((200, 200, 328, 296)).save(tmp_path / "examples" / name)

    def run(name: str, *words: str) -> str:
        shutil.copy(REPOSITORY / "examples" / name, tmp_path / "examples")
        ended = subprocess.run(
            [sys.executable, f"examples/{name}", server.url, *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            timeout=ENDS_S,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_short_and_listed_and_asks_the_usual_address(script: Path) -> None:
    text = script.read_text("utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    assert "http://127.0.0.1:8000" in text
    assert f"`{script.name}`" in (script.parent / "README.md").read_text("utf-8")


def test_one_picture(run_script: Any, tmp_path: Path) -> None:
    printed = run_script("sharpen_picture.py")

    assert printed.startswith("sharpened.png: ")
    assert "student@" in printed
    assert look(tmp_path / "sharpened.png") == ("PNG", (128, 96))


def test_a_folder_in_parallel(run_script: Any, tmp_path: Path) -> None:
    assert "2 of 2 pictures sharpened into sharpened" in run_script("sharpen_folder.py")

    assert sorted(path.name for path in (tmp_path / "sharpened").iterdir()) == [
        "dog-blurred.png",
        "dog.png",
    ]


def test_a_table_of_a_folder(run_script: Any) -> None:
    lines = run_script("evaluate_folder.py").splitlines()

    assert lines[0].split() == ["PSNR", "in", "dB", "blurred", "student"]
    rows = {line.split()[0]: [float(word) for word in line.split()[1:]] for line in lines[1:]}
    assert set(rows) == {"dog.png", "dog-blurred.png", "mean"}
    assert rows["dog.png"][1] > rows["dog.png"][0]
    assert rows["mean"][0] == pytest.approx(
        (rows["dog.png"][0] + rows["dog-blurred.png"][0]) / 2, abs=0.01
    )


def test_several_at_once_with_asyncio(run_script: Any, tmp_path: Path) -> None:
    printed = run_script("sharpen_async.py")

    for strength in ("0.5", "1", "1.5"):
        assert f"dog-blurred-{strength}.webp: " in printed
        assert look(tmp_path / f"dog-blurred-{strength}.webp") == ("WEBP", (128, 96))
