"""Which files a command means."""

from collections.abc import Callable
from pathlib import Path

import pytest

from service.cli.pictures import find_pictures, pair_pictures, plan_tasks, read_picture
from sharpening.errors import ImageError, ParameterError

Touch = Callable[..., None]


@pytest.fixture
def touch(tmp_path: Path) -> Touch:
    """Make empty files below the test's folder."""

    def make(*names: str) -> None:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()

    return make


def test_pictures_are_found_by_suffix_in_all_folders_but_hidden_ones(
    tmp_path: Path, touch: Touch
) -> None:
    touch("b.JPG", "a/c.tif", "a/notes.txt", ".hidden/d.png", "._b.JPG", "a/.e.png")

    found = find_pictures(tmp_path)

    assert found == [tmp_path / "a/c.tif", tmp_path / "b.JPG"]


def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        find_pictures(tmp_path / "none")


def test_a_folder_keeps_its_tree(tmp_path: Path, touch: Touch) -> None:
    touch("in/a.png", "in/x/y/b.jpg", "c.webp")

    tasks = plan_tasks([tmp_path / "in", tmp_path / "c.webp"], tmp_path / "out", None)

    assert [
        (task.output.relative_to(tmp_path / "out").as_posix(), task.format) for task in tasks
    ] == [
        ("a.png", "png"),
        ("x/y/b.jpg", "jpeg"),
        ("c.webp", "webp"),
    ]


def test_one_file_goes_into_a_file_whose_name_says_the_format(tmp_path: Path, touch: Touch) -> None:
    touch("a.png")

    (task,) = plan_tasks([tmp_path / "a.png"], tmp_path / "b.jpg", None)

    assert (task.output, task.format) == (tmp_path / "b.jpg", "jpeg")


def test_one_file_goes_into_a_folder_that_is_there_whatever_its_name(
    tmp_path: Path, touch: Touch
) -> None:
    touch("a.png", "b.jpg/old.png")

    (task,) = plan_tasks([tmp_path / "a.png"], tmp_path / "b.jpg", None)

    assert task.output == tmp_path / "b.jpg/a.png"


def test_a_format_changes_the_suffix_of_those_that_are_not_in_it(
    tmp_path: Path, touch: Touch
) -> None:
    touch("in/a.b.png", "in/c.JPEG", "in/d.jpg")

    tasks = plan_tasks([tmp_path / "in"], tmp_path / "out", "jpeg")

    assert [task.output.name for task in tasks] == ["a.b.jpg", "c.JPEG", "d.jpg"]
    assert {task.format for task in tasks} == {"jpeg"}


def test_what_lies_in_an_output_below_the_input_is_not_sharpened_again(
    tmp_path: Path, touch: Touch
) -> None:
    touch("a.png", "sharp/a.png")

    tasks = plan_tasks([tmp_path], tmp_path / "sharp", None)

    assert [task.source for task in tasks] == [tmp_path / "a.png"]


def test_a_picture_named_twice_is_sharpened_once(tmp_path: Path, touch: Touch) -> None:
    touch("a.png")

    assert len(plan_tasks([tmp_path / "a.png"] * 2, tmp_path / "out", None)) == 1


@pytest.mark.parametrize(
    ("inputs", "output", "message"),
    [
        (["in"], "in", "holds the pictures themselves"),
        (["in/a.png"], "in", "would replace the picture itself"),
        (["in/a.png"], "in/../in/a.png", "would replace the picture itself"),
        (["in", "other"], "out", "would both become"),
        (["in"], "in/a.png", "is a file"),
        (["empty"], "out", r"there are no pictures in .*empty: expected .*\.png"),
    ],
)
def test_a_plan_that_would_do_harm_or_nothing_is_refused(
    tmp_path: Path, touch: Touch, inputs: list[str], output: str, message: str
) -> None:
    touch("in/a.png", "other/a.png", "empty/notes.txt")

    with pytest.raises(ParameterError, match=message):
        plan_tasks([tmp_path / name for name in inputs], tmp_path / output, None)


def test_two_pictures_that_a_format_would_make_one_are_refused(
    tmp_path: Path, touch: Touch
) -> None:
    touch("in/a.png", "in/a.jpg")

    with pytest.raises(ParameterError, match="would both become"):
        plan_tasks([tmp_path / "in"], tmp_path / "out", "webp")


def test_partners_have_one_name_the_suffix_apart(tmp_path: Path, touch: Touch) -> None:
    touch("sharp/a.png", "sharp/x/b.png", "sharp/c.png", "sharp/d.png")
    touch("blurred/a.jpg", "blurred/a.png", "blurred/x/b.jpg", "blurred/b.png", "blurred/c.png")

    pairing = pair_pictures(tmp_path / "sharp", tmp_path / "blurred")

    assert [(pair.name, pair.image) for pair in pairing.pairs] == [
        ("a.png", tmp_path / "blurred/a.png"),
        ("c.png", tmp_path / "blurred/c.png"),
        ("x/b.png", tmp_path / "blurred/x/b.jpg"),
    ]
    assert pairing.lonely == ["d.png"]


def test_references_alone_have_no_partners(tmp_path: Path, touch: Touch) -> None:
    touch("sharp/a.png")

    (of_folder,) = pair_pictures(tmp_path / "sharp", None).pairs
    (of_file,) = pair_pictures(tmp_path / "sharp/a.png", None).pairs

    assert of_folder == of_file
    assert of_file.image is None


def test_pairs_that_cannot_be_are_refused(tmp_path: Path, touch: Touch) -> None:
    touch("sharp/a.png", "blurred/b.png")

    with pytest.raises(ParameterError, match="a file and a folder"):
        pair_pictures(tmp_path / "sharp", tmp_path / "blurred/b.png")
    with pytest.raises(ParameterError, match="under the same name"):
        pair_pictures(tmp_path / "sharp", tmp_path / "blurred")


def test_a_file_that_cannot_be_read_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^none.png cannot be read: No such file"):
        read_picture(tmp_path / "none.png")
