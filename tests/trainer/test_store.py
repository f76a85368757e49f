"""The store keeps what it made, and makes what training needs."""

from pathlib import Path

import numpy as np
import pytest

from sharpening.codec import decode
from sharpening.degradation import PaperDegradation
from sharpening.engine import Engine
from sharpening.errors import TrainingError
from sharpening.networks import Student
from sharpening.runtimes.torch import TorchRuntime
from trainer.photographs import Photograph, find_photographs
from trainer.store import Store


def test_planes_are_the_photograph_and_its_degradation(photographs: Path, tmp_path: Path) -> None:
    photograph = find_photographs(photographs)[0]
    (picture,) = Store(tmp_path, PaperDegradation()).load([photograph], patch_px=32).values()
    sharp = decode(photograph.path.read_bytes()).pixels
    assert np.array_equal(picture["sharp"], sharp)
    assert np.array_equal(picture["blurred"], PaperDegradation().apply(sharp))


def test_a_second_load_reads_what_the_first_wrote(photographs: Path, tmp_path: Path) -> None:
    found = find_photographs(photographs)[:2]
    store = Store(tmp_path, PaperDegradation())
    store.load(found, patch_px=32)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    store.load(found, patch_px=32)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written
    assert len(written) == 4


def test_another_degradation_has_planes_of_its_own(photographs: Path, tmp_path: Path) -> None:
    found = find_photographs(photographs)[:1]
    soft, softer = (
        next(iter(Store(tmp_path, degradation).load(found, patch_px=32).values()))["blurred"]
        for degradation in (PaperDegradation(), PaperDegradation(blur_radius_px=3))
    )
    assert not np.array_equal(soft, softer)


def test_the_taught_plane_is_the_teachers_answer(photographs: Path, tmp_path: Path) -> None:
    store = Store(tmp_path, PaperDegradation())
    pictures = store.load(find_photographs(photographs)[:1], patch_px=32)
    teacher = Engine(TorchRuntime(Student(), "cpu"))
    (taught,) = store.teach(pictures, teacher, "digest").values()
    assert np.array_equal(taught["taught"], teacher.sharpen(taught["blurred"]))


def test_a_bad_photograph_is_named_and_left_out(
    photographs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    found = [Photograph(broken, "00"), find_photographs(photographs)[0]]
    store = Store(tmp_path / "store", PaperDegradation())
    assert list(store.load(found, patch_px=32)) == [found[1].sha256]
    assert "broken.png" in caplog.text


def test_a_photograph_smaller_than_a_patch_is_left_out(photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="none of 1"):
        Store(tmp_path, PaperDegradation()).load(find_photographs(photographs)[:1], patch_px=168)
