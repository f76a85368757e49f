"""`sharpen` with `--url` against the real server: the same as without, and without PyTorch."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage

from service.cli import main
from sharpening.degradation import PaperDegradation

REPOSITORY = Path(__file__).parents[2]
ENDS_S = 120

PROGRAM = """
import sys
from service.cli import main
status = main(sys.argv[1:])
heavy = {"torch", "fastapi", "uvicorn", "pydantic_settings"} & set(sys.modules)
sys.exit(str(heavy) if heavy else status)
"""


@pytest.fixture(autouse=True)
def _as_exact_as_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARPEN_PRECISION", "float32")


def run_apart(*words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own that must not load what a server needs."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        cwd=REPOSITORY,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=ENDS_S,
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of sharp and of blurred pictures of 96x80, in trees."""
    root = tmp_path_factory.mktemp("pictures")
    photograph = skimage.data.chelsea()
    for index, name in enumerate(("a.png", "below/b.png", "below/deeper/c.png")):
        sharp = np.ascontiguousarray(photograph[index * 80 : index * 80 + 80, 100:196])
        for folder, pixels in (("sharp", sharp), ("blurred", PaperDegradation().apply(sharp))):
            path = root / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            PillowImage.fromarray(pixels).save(path)
    return root / "sharp", root / "blurred"


def read_tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def add_transparent(opaque: Path, target: Path) -> None:
    """Write the picture with its left half hidden, in a colour that must not show beside it."""
    with PillowImage.open(opaque) as picture:
        pixels = np.asarray(picture.convert("RGBA")).copy()
    pixels[:, :48] = 255, 0, 255, 0
    PillowImage.fromarray(pixels).save(target)


def test_image_gives_the_same_files_here_and_there(
    server: Any, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    blurred = tmp_path / "blurred"
    shutil.copytree(folders[1], blurred)
    add_transparent(blurred / "a.png", blurred / "clear.png")
    words = ("image", blurred, "--strength", "0.7", "--format", "webp", "--quality", "80")

    asked = run_apart(*words, "-o", tmp_path / "there", "--url", server.url)
    assert asked.returncode == 0, asked.stderr
    assert main([*map(str, words), "-o", str(tmp_path / "here")]) == 0

    there = read_tree(tmp_path / "there")
    assert list(there) == ["a.webp", "below/b.webp", "below/deeper/c.webp", "clear.webp"]
    assert there == read_tree(tmp_path / "here")


def test_image_goes_on_past_what_the_service_refuses(
    server: Any, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "text.png").write_text("not a picture")
    (pictures / "empty.png").touch()
    (pictures / "fine.png").write_bytes((folders[1] / "a.png").read_bytes())

    asked = run_apart("image", pictures, "-o", tmp_path / "out", "--url", server.url)

    assert asked.returncode == 1
    assert list(read_tree(tmp_path / "out")) == ["fine.png"]
    _, _, listed = asked.stderr.partition("2 failed:\n")
    assert [line.split(": ")[0].strip() for line in listed.splitlines()] == [
        str(pictures / "empty.png"),
        str(pictures / "text.png"),
    ]


def test_image_stops_at_once_where_every_picture_would_fail(
    server: Any, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    asked = run_apart(
        *("image", folders[1], "-o", tmp_path / "out"),
        *("--url", server.url, "--model", "no-such-model"),
    )

    assert asked.returncode == 1
    assert "no model is called 'no-such-model'" in asked.stderr.splitlines()[-1]


@pytest.mark.parametrize("alone", [False, True], ids=["pairs", "references"])
def test_evaluate_says_the_same_here_and_there(
    server: Any, folders: tuple[Path, Path], alone: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", *map(str, folders[: 1 if alone else 2]), "--json"]

    asked = run_apart(*words, "--url", server.url)
    assert asked.returncode == 0, asked.stderr
    assert main(words) == 0

    here = json.loads(capsys.readouterr().out)
    assert json.loads(asked.stdout) == here
    assert list(here["pictures"]) == ["a.png", "below/b.png", "below/deeper/c.png"]
    assert (here["degradation"] is not None) == alone
    gain = here["summary"]["student"]["psnr"]["mean"] - here["summary"]["input"]["psnr"]["mean"]
    assert gain > 0.2  # the blind profile is careful


def test_batch_says_the_same_here_and_there(
    server: Any,
    folders: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sharp, blurred = folders
    broken = tmp_path / "blurred"
    for name, data in read_tree(blurred).items():
        (broken / name).parent.mkdir(parents=True, exist_ok=True)
        (broken / name).write_bytes(data if name != "a.png" else b"text")
    words = ["batch", "--score", str(sharp), str(broken), "--json"]

    asked = run_apart(*words, "--url", server.url)
    assert asked.returncode == 1, asked.stderr
    assert main(words) == 1

    there, here = (
        [json.loads(line) for line in text.splitlines()]
        for text in (asked.stdout, capsys.readouterr().out)
    )
    assert there[-1] == here[-1]
    by_name = [{line["name"]: line for line in lines[:-1]} for lines in (there, here)]
    for lines in by_name:
        lines["a.png"]["problem"].pop("request_id")
    assert by_name[0] == by_name[1]


def test_bench_measures_a_model_there(server: Any) -> None:
    asked = run_apart("bench", "--model", "student", "--seconds", "0", "--url", server.url)

    assert asked.returncode == 0, asked.stderr
    lines = asked.stdout.splitlines()
    assert lines[2].startswith("| student@")
    assert lines[-1].endswith(f"asked at {server.url}")


def test_a_service_with_a_key_is_asked_with_it(
    start_server: Callable[..., AbstractContextManager[Any]],
    folders: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    with start_server(api_key="open-sesame") as server:
        words = ("image", folders[1] / "a.png", "--url", server.url)

        refused = run_apart(*words, "-o", tmp_path / "refused.png")
        given = run_apart(*words, "-o", tmp_path / "given.png", "--api-key", "open-sesame")
        set_ = run_apart(*words, "-o", tmp_path / "set.png", SHARPEN_API_KEY="open-sesame")

    assert (refused.returncode, given.returncode, set_.returncode) == (1, 0, 0)
    assert "sharpen: The API key is missing or wrong" in refused.stderr
    assert not (tmp_path / "refused.png").exists()
    assert (tmp_path / "given.png").read_bytes() == (tmp_path / "set.png").read_bytes()
