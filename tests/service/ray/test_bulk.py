"""`sharpen batch --ray` on a real cluster: the same files as without."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from service.cli import main

pytestmark = pytest.mark.slow


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


@pytest.mark.usefixtures("cluster")
def test_what_is_no_fault_of_a_picture_ends_it(
    pictures: Path, run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(pictures, tmp_path / "out", "--ray", "--model", "no-such-model") == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("sharpen: no model is called")
