"""`sharpen batch --ray` on a real cluster: the same files as without."""

import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.cli import main

pytestmark = pytest.mark.slow

LARGE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
LARGE += struct.pack(">I", zlib.crc32(LARGE[12:]))
"""The head of a picture that is too large."""


def list_files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def pictures(tmp_path: Path, photograph: object, to_file: Callable[..., bytes]) -> Path:
    folder = tmp_path / "in"
    for index in range(12):
        path = folder / f"{index % 3}" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(to_file(photograph))
    return folder


@pytest.fixture
def run(weights_dir: Path) -> Callable[..., int]:
    def run(*words: str | os.PathLike[str]) -> int:
        return main(["batch", *map(str, words), "--weights", str(weights_dir)])

    return run


def test_a_cluster_makes_the_same_files_and_goes_on_past_bad_ones(
    cluster: str,
    pictures: Path,
    run: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--strength", "0.7", "--format", "webp", "--quality", "80")
    assert run(pictures, tmp_path / "here", *words) == 0
    (pictures / "1" / "text.png").write_text("not a picture")
    capsys.readouterr()

    assert run(pictures, tmp_path / "there", *words, "--ray", cluster) == 1

    told = capsys.readouterr().err
    assert "12 sharpened, 0 already there" in told
    assert f"  {pictures}/1/text.png: not a picture" in told
    assert list_files(tmp_path / "there") == list_files(tmp_path / "here")

    next((tmp_path / "there").rglob("*.webp")).unlink()
    (pictures / "1" / "text.png").unlink()
    assert run(pictures, tmp_path / "there", *words, "--ray", cluster) == 0
    assert "1 sharpened, 11 already there" in capsys.readouterr().err
    assert list_files(tmp_path / "there") == list_files(tmp_path / "here")


def test_a_cluster_scores_as_one_machine_does(
    cluster: str,
    pictures: Path,
    run: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(pictures, tmp_path / "out", "--strength", "2") == 0
    (pictures / "0" / "0.png").write_text("not a picture")
    (pictures / "1" / "1.png").write_bytes(LARGE)
    capsys.readouterr()
    words = (pictures, tmp_path / "out", "--score", "--json")

    assert run(*words) == 1
    here = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert run(*words, "--ray", cluster) == 1
    there = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert there[-1] == here[-1]
    assert (here[-1]["pictures"], here[-1]["errors"]) == (12, 2)
    assert sort_lines(there[:-1]) == sort_lines(here[:-1])


def sort_lines(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(lines, key=lambda line: str(line["name"]))


@pytest.mark.usefixtures("cluster")
def test_what_is_no_fault_of_a_picture_ends_it(
    pictures: Path, run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(pictures, tmp_path / "out", "--ray", "--model", "no-such-model") == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("sharpen: no model is called")
