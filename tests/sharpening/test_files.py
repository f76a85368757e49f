"""A file is written whole or not at all."""

import os
from pathlib import Path
from typing import Any

import pytest

from sharpening.files import replace_when_done, write_atomically


def test_file_and_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.bin"
    write_atomically(path, b"content")
    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & 0o777 == 0o644


def test_old_file_is_replaced_and_nothing_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    write_atomically(path, b"old and longer")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_failure_leaves_the_old_file_and_no_rubbish(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")

    def fail(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_reader_that_has_the_old_file_open_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    write_atomically(path, b"old")
    with path.open("rb") as reader:
        write_atomically(path, b"new")
        assert reader.read() == b"old"


def test_file_that_is_being_written_is_none_of_its_kind_yet(tmp_path: Path) -> None:
    with replace_when_done(tmp_path / "file.bin") as temporary:
        temporary.write_bytes(b"half")
        assert list(tmp_path.glob("*.bin")) == []
    assert [path.name for path in tmp_path.glob("*.bin")] == ["file.bin"]


def test_name_tells_the_kind_to_a_writer_that_goes_by_it(tmp_path: Path) -> None:
    with replace_when_done(tmp_path / "film.mp4", keep_suffix=True) as temporary:
        assert temporary.suffix == ".mp4"
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
