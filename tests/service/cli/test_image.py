"""`sharpen image` in this process."""

import io
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from service.cli import image as image_verb
from service.models import load_models
from service.settings import Settings

Run = Callable[..., int]


def read(path: Path) -> np.ndarray:
    return np.asarray(PillowImage.open(path))


def list_files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def test_a_folder_is_sharpened_with_its_tree(
    run: Run, blurred_dir: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"

    assert run("image", blurred_dir, "-o", out) == 0

    assert list_files(out) == ["a.png", "below/b.png"]
    expected = load_models(settings).get("student").engine.sharpen(read(blurred_dir / "a.png"))
    np.testing.assert_array_equal(read(out / "a.png"), expected)


def test_options_reach_the_model_and_the_codec(
    run: Run, blurred_dir: Path, tmp_path: Path, settings: Settings
) -> None:
    source = blurred_dir / "a.png"
    words = ("image", source, "--model", "teacher", "--strength", "0.5")

    assert run(*words, "-o", tmp_path / "one.png") == 0
    assert run(*words, "-o", tmp_path / "low.jpg", "--quality", "5") == 0
    assert run(*words, "-o", tmp_path / "high.jpg", "--quality", "95") == 0

    teacher = load_models(settings).get("teacher").engine
    np.testing.assert_array_equal(
        read(tmp_path / "one.png"), teacher.sharpen(read(source), strength=0.5)
    )
    with PillowImage.open(tmp_path / "low.jpg") as low:
        assert low.format == "JPEG"
    assert (tmp_path / "low.jpg").stat().st_size < (tmp_path / "high.jpg").stat().st_size


def test_it_goes_on_past_bad_files_and_lists_them(
    run: Run, blurred_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (blurred_dir / "text.png").write_text("not a picture")
    (blurred_dir / "cut.png").write_bytes((blurred_dir / "a.png").read_bytes()[:200])
    (blurred_dir / "lost.png").symlink_to(tmp_path / "nowhere.png")

    assert run("image", blurred_dir, "-o", tmp_path / "out") == 1

    assert list_files(tmp_path / "out") == ["a.png", "below/b.png"]
    _, _, listed = capsys.readouterr().err.partition("2 sharpened, 0 already there")
    lines = listed.splitlines()[1:]
    assert lines[0] == "3 failed:"
    assert [line.strip().split(": ")[0] for line in lines[1:]] == [
        str(blurred_dir / name) for name in ("cut.png", "lost.png", "text.png")
    ]


def test_the_same_command_goes_on_where_it_stopped(
    run: Run,
    blurred_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    write = image_verb.write_atomically

    def stop_at_the_second(path: Path, data: bytes) -> None:
        if path.name == "b.png":
            raise KeyboardInterrupt
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(image_verb, "write_atomically", stop_at_the_second)
        assert run("image", blurred_dir, "-o", out, "--jobs", "1") == 130
    assert list_files(out) == ["a.png"]
    (out / "a.png").write_bytes(b"mine")
    capsys.readouterr()

    assert run("image", blurred_dir, "-o", out) == 0

    assert list_files(out) == ["a.png", "below/b.png"]
    assert (out / "a.png").read_bytes() == b"mine"
    assert "1 sharpened, 1 already there" in capsys.readouterr().err


def test_force_sharpens_again(run: Run, blurred_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"old")

    assert run("image", blurred_dir / "a.png", "-o", out) == 0
    assert out.read_bytes() == b"old"
    assert run("image", blurred_dir / "a.png", "-o", out, "--force") == 0
    assert out.read_bytes() != b"old"


def test_with_nothing_to_do_no_weights_are_loaded(
    run: Run, blurred_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("image", blurred_dir, "-o", tmp_path / "out") == 0

    def load(_options: Any) -> None:
        pytest.fail("loaded")

    monkeypatch.setattr(image_verb, "open_place", load)
    assert run("image", blurred_dir, "-o", tmp_path / "out") == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "no-such-model"], "no model is called 'no-such-model'"),
        (["--strength", "3"], "strength is 3.0"),
        (["--quality", "101"], "quality is 101"),
    ],
)
def test_what_would_fail_for_every_picture_ends_it_with_one_line(
    run: Run,
    blurred_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    out = tmp_path / "out.jpg"

    assert run("image", blurred_dir / "a.png", "-o", out, *words) == 1

    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not out.exists()


def test_without_a_terminal_there_is_a_line_for_each_picture(
    run: Run, blurred_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("image", blurred_dir, "-o", tmp_path / "out")

    lines = capsys.readouterr().err.splitlines()
    assert f"{blurred_dir / 'a.png'} -> {tmp_path / 'out' / 'a.png'}" in lines


def test_on_a_terminal_there_is_a_bar(
    run: Run, blurred_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", terminal)

    run("image", blurred_dir, "-o", tmp_path / "out")

    assert "2/2" in terminal.getvalue()
    assert "->" not in terminal.getvalue()


def test_outputs_are_ordinary_files(run: Run, blurred_dir: Path, tmp_path: Path) -> None:
    run("image", blurred_dir / "a.png", "-o", tmp_path / "out.png")

    assert stat.S_IMODE((tmp_path / "out.png").stat().st_mode) == 0o644


def test_what_a_killed_run_left_half_written_is_removed(
    run: Run, blurred_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name, age_s in ((".a.png.old.partial", 7200), (".a.png.new.partial", 0)):
        (out / name).touch()
        os.utime(out / name, (time.time() - age_s,) * 2)

    assert run("image", blurred_dir / "a.png", "-o", out) == 0

    assert list_files(out) == [".a.png.new.partial", "a.png"]
