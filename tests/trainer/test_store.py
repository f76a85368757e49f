"""The store keeps what it made, and makes what training needs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from sharpening.codec import decode
from sharpening.degradation import PaperDegradation
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
