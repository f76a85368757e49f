"""The store keeps what it made, and makes what training needs."""

from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import Image as PillowImage

from sharpening.codec import decode
from sharpening.degradation import CallDegradation, PaperDegradation
from sharpening.engine import Engine
from sharpening.errors import TrainingError
from sharpening.networks import Student
from sharpening.runtimes.torch import TorchRuntime
from trainer.photographs import Photograph, Reason, find_photographs
from trainer.store import Store


def test_planes_are_the_photograph_and_its_degradation(photographs: Path, tmp_path: Path) -> None:
    photograph = find_photographs(photographs).photographs[0]
    (picture,) = (
        Store(tmp_path, PaperDegradation()).load([photograph], patch_px=32).pictures.values()
    )
    sharp = decode(photograph.path.read_bytes()).pixels
    assert np.array_equal(picture["sharp"], sharp)
    assert np.array_equal(picture["blurred"], PaperDegradation().apply(sharp))


def test_a_second_load_reads_what_the_first_wrote(photographs: Path, tmp_path: Path) -> None:
    found = find_photographs(photographs).photographs[:2]
    store = Store(tmp_path, PaperDegradation())
    store.load(found, patch_px=32)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    store.load(found, patch_px=32)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written
    assert len(written) == 4


def test_another_degradation_has_planes_of_its_own(photographs: Path, tmp_path: Path) -> None:
    found = find_photographs(photographs).photographs[:1]
    soft, softer = (
        next(iter(Store(tmp_path, degradation).load(found, patch_px=32).pictures.values()))[
            "blurred"
        ]
        for degradation in (PaperDegradation(), PaperDegradation(blur_radius_px=3))
    )
    assert not np.array_equal(soft, softer)


def test_the_taught_plane_is_the_teachers_answer(photographs: Path, tmp_path: Path) -> None:
    store = Store(tmp_path, PaperDegradation())
    pictures = store.load(find_photographs(photographs).photographs[:1], patch_px=32).pictures
    teacher = Engine(TorchRuntime(Student(), "cpu"))
    (taught,) = store.teach(pictures, teacher, "digest").values()
    assert np.array_equal(taught["taught"], teacher.sharpen(taught["blurred"]))


def test_planes_of_the_paper_are_found_where_they_always_were(
    photographs: Path, tmp_path: Path
) -> None:
    (found,) = find_photographs(photographs).photographs[:1]
    store = Store(tmp_path, PaperDegradation())
    pictures = store.load([found], patch_px=32).pictures
    store.teach(pictures, Engine(TorchRuntime(Student(), "cpu")), "digest")
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{found.sha256}.pillow-{PIL.__version__}.sharp.npy",
        f"{found.sha256}.pillow-{PIL.__version__}.0264937037c28cc6.blurred.npy",
        f"{found.sha256}.pillow-{PIL.__version__}.0264937037c28cc6.taught-digest.npy",
    }


RANDOM = CallDegradation(untouched_share=0, compressions=("jpeg",))


def test_versions_of_a_photograph_differ_and_come_again(photographs: Path, tmp_path: Path) -> None:
    found = find_photographs(photographs).photographs[:2]
    decoded, again = (
        Store(tmp_path / name, RANDOM).decode(found, patch_px=32).pictures for name in "ab"
    )
    three = Store(tmp_path / "a", RANDOM).blur(decoded, versions=3)
    two = Store(tmp_path / "b", RANDOM).blur(again, versions=2)
    planes = [picture["blurred"] for picture in three.values()]
    assert len(planes) == 6
    assert len({plane.tobytes() for plane in planes}) == 6
    assert list(two) == [name for name in three if not name.endswith("-2")]
    for name, picture in two.items():
        assert np.array_equal(picture["blurred"], three[name]["blurred"])
        assert np.array_equal(picture["sharp"], decoded[name.split("-")[0]]["sharp"])


def test_a_degradation_that_is_not_random_has_one_version(
    photographs: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path, PaperDegradation())
    decoded = store.decode(find_photographs(photographs).photographs[:2], patch_px=32).pictures
    assert list(store.blur(decoded, versions=3)) == list(decoded)


def test_decoding_alone_blurs_nothing(photographs: Path, tmp_path: Path) -> None:
    store = Store(tmp_path, PaperDegradation())
    (picture,) = store.decode(
        find_photographs(photographs).photographs[:1], patch_px=32
    ).pictures.values()
    assert list(picture) == ["sharp"]
    assert len(list(tmp_path.iterdir())) == 1


def test_the_teacher_answers_to_every_version(photographs: Path, tmp_path: Path) -> None:
    store = Store(tmp_path, RANDOM)
    decoded = store.decode(find_photographs(photographs).photographs[:2], patch_px=32).pictures
    teacher = Engine(TorchRuntime(Student(), "cpu"))
    taught = store.teach(store.blur(decoded, versions=2), teacher, "digest")
    assert len(taught) == 4
    for picture in taught.values():
        assert np.array_equal(picture["taught"], teacher.sharpen(picture["blurred"]))


def test_what_can_be_used_of_a_folder_is_used_and_the_rest_is_told(
    mixed: Path, tmp_path: Path
) -> None:
    found = find_photographs(mixed).photographs
    loaded = Store(tmp_path / "store", PaperDegradation()).load(found, patch_px=32)
    names = {each.sha256: each.path.name for each in found}
    assert {path.name for path in (mixed / "odd").iterdir()} <= {
        names[sha256] for sha256 in loaded.pictures
    }
    assert len(loaded.pictures) == 15 + 6
    assert {each.path.parent for each in loaded.left_out} == {mixed / "bad"}
    assert len(loaded.left_out) == 10


def test_sixteen_bits_are_rounded_to_eight(tmp_path: Path) -> None:
    levels = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    PillowImage.fromarray(levels).save(tmp_path / "ramp.png")
    found = find_photographs(tmp_path).photographs
    store = Store(tmp_path / "store", PaperDegradation())
    (picture,) = store.load(found, patch_px=32).pictures.values()
    assert picture["sharp"].dtype == np.uint8
    assert np.array_equal(picture["sharp"][..., 0], np.rint(levels / 257))


def test_a_photograph_gone_since_it_was_found_is_left_out(
    photographs: Path, tmp_path: Path
) -> None:
    found = [Photograph(tmp_path / "gone.png", "00"), find_photographs(photographs).photographs[0]]
    loaded = Store(tmp_path / "store", PaperDegradation()).load(found, patch_px=32)
    assert list(loaded.pictures) == [found[1].sha256]
    assert [each.reason for each in loaded.left_out] == [Reason.UNREADABLE]


def test_a_store_that_cannot_be_written_is_no_fault_of_the_photographs(
    photographs: Path, tmp_path: Path
) -> None:
    (tmp_path / "store").write_text("a file, not a folder")
    store = Store(tmp_path / "store", PaperDegradation())
    with pytest.raises(TrainingError, match=r"cannot write into the store .*store"):
        store.load(find_photographs(photographs).photographs, patch_px=32)


def test_photographs_smaller_than_a_patch_are_told_when_none_is_left(
    photographs: Path, tmp_path: Path
) -> None:
    found = find_photographs(photographs).photographs[:1]
    with pytest.raises(TrainingError, match=r"none of 1 (.|\n)*144x144 px of 168"):
        Store(tmp_path, PaperDegradation()).load(found, patch_px=168)
