"""Photographs are known by what is in them."""

import os
import shutil
from pathlib import Path

import pytest

from sharpening.errors import ImageError, TrainingError
from trainer.cli import main
from trainer.photographs import (
    LeftOut,
    Photograph,
    Reason,
    describe_left_out,
    explain_failure,
    find_photographs,
    hash_photographs,
    list_pictures,
    read_photograph,
    split_by_name,
    split_photographs,
)


def make(*hashes: str) -> list[Photograph]:
    return [Photograph(Path(each), each) for each in hashes]


def test_finds_pictures_in_subfolders_and_nothing_else(photographs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(photographs, folder)
    (folder / "notes.txt").write_text("not a photograph")
    assert find_photographs(folder).left_out == ()
    assert len(find_photographs(folder).photographs) == 15


def test_a_copy_under_another_name_counts_once(photographs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(photographs, folder)
    shutil.copy(folder / "chelsea-0.png", folder / "another.PNG")
    assert len(find_photographs(folder).photographs) == 15


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_no_photographs_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match=name):
        find_photographs(tmp_path / name)


def test_the_side_of_the_split_depends_on_the_bytes_alone(photographs: Path) -> None:
    found = find_photographs(photographs).photographs
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


def test_links_that_lead_nowhere_are_left_out_and_the_rest_is_found(mixed: Path) -> None:
    found = find_photographs(mixed)
    assert len(found.photographs) == 15 + 6 + 10
    assert {each.path.name for each in found.left_out} == {"link.png", "ring.png"}
    assert {each.reason for each in found.left_out} == {Reason.UNREADABLE}


def test_a_pipe_is_left_out_and_never_opened(photographs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(photographs, folder)
    os.mkfifo(folder / "pipe.png")
    (left_out,) = find_photographs(folder).left_out
    assert left_out == LeftOut(folder / "pipe.png", Reason.UNREADABLE, "not a file")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that fails to read")
def test_a_file_that_fails_while_it_is_read_is_left_out(photographs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(photographs, folder)
    (folder / "failing.png").symlink_to("/proc/self/mem")
    found = find_photographs(folder)
    assert len(found.photographs) == 15
    assert [each.path.name for each in found.left_out] == ["failing.png"]
    assert found.left_out[0].detail


@pytest.mark.parametrize("name", ["more", "more/chelsea-1.png"])
def test_what_may_not_be_read_is_left_out(photographs: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(photographs, folder)
    (folder / name).chmod(0)
    if os.access(folder / name, os.R_OK):
        pytest.skip("this user may read everything")
    found = find_photographs(folder)
    (folder / name).chmod(0o755)
    assert [each.path for each in found.left_out] == [folder / name]
    assert found.photographs


def test_a_folder_of_nothing_readable_is_an_error_that_lists_it(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to("nowhere")
    with pytest.raises(TrainingError, match=r"link\.png: a link that leads to no file"):
        find_photographs(tmp_path)


def test_pictures_are_listed_by_path(mixed: Path) -> None:
    listed = list_pictures(mixed)
    assert listed == sorted(listed)
    assert len(listed) == 15 + 6 + 10


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty.jpg", Reason.DAMAGED),
        ("cut.png", Reason.DAMAGED),
        ("cut.jpg", Reason.DAMAGED),
        ("header-only.tif", Reason.DAMAGED),
        ("text.png", Reason.NOT_A_PICTURE),
        ("animated.webp", Reason.UNSUPPORTED),
        ("float.tiff", Reason.UNSUPPORTED),
        ("huge.png", Reason.TOO_LARGE),
        ("link.png", Reason.UNREADABLE),
    ],
)
def test_a_bad_file_has_its_reason(mixed: Path, name: str, reason: Reason) -> None:
    path = mixed / "bad" / name
    with pytest.raises(ImageError) as refused:
        read_photograph(path)
    assert explain_failure(path, refused.value).reason == reason


def test_a_file_of_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: it takes no room on the disk
    with pytest.raises(ImageError, match="GiB"):
        read_photograph(path)


def test_the_list_names_twenty_of_a_reason_and_counts_the_rest() -> None:
    cut = [LeftOut(Path(f"{index:02}.png"), "cut", "at byte 9") for index in range(25)]
    text = describe_left_out([*cut, LeftOut(Path("a\nb.png"), "empty")], 100)
    assert text.splitlines()[:3] == [
        "26 of 100 photographs are left out:",
        "  cut (25):",
        "    00.png: at byte 9",
    ]
    assert text.splitlines()[21:] == [
        "    19.png: at byte 9",
        "    and 5 more",
        "  empty (1):",
        "    'a\\nb.png'",
    ]


def test_the_list_says_when_all_are_used() -> None:
    assert describe_left_out([], 7) == "all 7 photographs are used"


def test_a_folder_with_every_kind_of_bad_file_trains_and_they_are_listed_at_the_end(
    mixed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    status = main(
        ["train-teacher", "--preset", "smoke", "--steps", "2", "--data", str(mixed),
         "--run", str(tmp_path), "--device", "cpu"]
    )  # fmt: skip
    assert status == 0
    assert (tmp_path / "weights.safetensors").exists()
    assert "12 of 33 photographs are left out" in caplog.text
    assert all(path.name in caplog.text for path in (mixed / "bad").iterdir())


def test_two_good_photographs_among_bad_ones_are_enough(
    mixed: Path, photographs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photographs"
    shutil.copytree(mixed / "bad", folder, symlinks=True)
    for name in ("chelsea-0.png", "chelsea-2.png"):
        shutil.copy(photographs / name, folder)
    status = main(
        ["train-teacher", "--preset", "smoke", "--steps", "2", "--data", str(folder),
         "--run", str(tmp_path / "run"), "--device", "cpu"]
    )  # fmt: skip
    assert status == 0
