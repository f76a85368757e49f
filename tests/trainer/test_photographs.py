"""Photographs are known by what is in them."""

import shutil
from pathlib import Path

import pytest

from sharpening.errors import TrainingError
from trainer.photographs import (
    Photograph,
    find_photographs,
    hash_photographs,
    split_by_name,
    split_photographs,
)


def make(*hashes: str) -> list[Photograph]:
    return [Photograph(Path(each), each) for each in hashes]


def test_finds_pictures_in_subfolders_and_nothing_else(photographs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(photographs, folder)
    (folder / "notes.txt").write_text("not a photograph")
    assert len(find_photographs(folder)) == len(find_photographs(photographs)) == 15


def test_a_copy_under_another_name_counts_once(photographs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(photographs, folder)
    shutil.copy(folder / "chelsea-0.png", folder / "another.PNG")
    assert len(find_photographs(folder)) == 15


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_no_photographs_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match=name):
        find_photographs(tmp_path / name)


def test_the_side_of_the_split_depends_on_the_bytes_alone(photographs: Path) -> None:
    found = find_photographs(photographs)
    training, validation = split_photographs(found, 0.3)
    assert not set(training) & set(validation)
    assert set(training) | set(validation) == set(found)
    fewer = [each for each in reversed(found) if each != training[0]]
    assert split_photographs(fewer, 0.3)[1] == validation


def test_the_split_takes_about_the_fraction_asked_for() -> None:
    hashes = [f"{index * 2**32 // 1000:08x}" for index in range(1000)]
    assert len(split_photographs(make(*hashes), 0.1)[1]) == pytest.approx(100, abs=1)


@pytest.mark.parametrize("hashes", [("00", "01"), ("ff000000", "ff000001")])
def test_each_side_gets_at_least_one(hashes: tuple[str, ...]) -> None:
    training, validation = split_photographs(make(*hashes), 0.5)
    assert len(training) == len(validation) == 1


def test_one_photograph_is_too_few() -> None:
    with pytest.raises(TrainingError, match="two"):
        split_photographs(make("aa"), 0.5)


def test_the_hash_of_a_set_does_not_depend_on_its_order() -> None:
    assert hash_photographs(make("aa", "bb")) == hash_photographs(make("bb", "aa"))
    assert hash_photographs(make("aa", "bb")) != hash_photographs(make("aa"))


def test_the_first_by_name_are_trained_on(tmp_path: Path) -> None:
    photographs = [Photograph(tmp_path / folder / f"{n:04}.png", f"{9 - n}") for n, folder in
                   ((3, "a"), (1, "b"), (4, "a"), (2, "a"))]  # fmt: skip
    training, validation = split_by_name(photographs, 3)
    assert [each.path.stem for each in training] == ["0001", "0002", "0003"]
    assert [each.path.stem for each in validation] == ["0004"]
    with pytest.raises(TrainingError, match="first 4 photographs"):
        split_by_name(photographs, 4)
