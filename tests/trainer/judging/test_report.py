"""Judging folders: the same figures as the shared evaluation gives picture by picture."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from sharpening.codec import decode
from sharpening.degradation import PaperDegradation
from sharpening.errors import TrainingError
from sharpening.metrics import score
from trainer.judging.report import (
    INPUT,
    evaluate_sets,
    find_sets,
    format_table,
    judge,
    read_pair,
    tabulate,
)


class Untouched:
    """Sharpens nothing."""

    def sharpen(self, blurred: np.ndarray) -> np.ndarray:
        return blurred


def test_a_folder_of_pictures_is_one_set(photographs: Path) -> None:
    assert list(find_sets(photographs / "more")) == ["more"]


def test_subfolders_and_the_folder_itself_are_sets(photographs: Path) -> None:
    sets = find_sets(photographs)
    assert {name: len(paths) for name, paths in sets.items()} == {photographs.name: 8, "more": 7}


def test_no_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no pictures"):
        find_sets(tmp_path)


def test_a_picture_that_cannot_be_judged_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(TrainingError, match=r"broken\.png"):
        judge(find_sets(tmp_path), PaperDegradation(), {})


def test_figures_are_means_of_the_shared_evaluation(photographs: Path) -> None:
    sets = find_sets(photographs / "more")
    report = judge(sets, PaperDegradation(), {"untouched": Untouched()})
    expected = []
    for path in sets["more"]:
        sharp = decode(path.read_bytes()).pixels
        expected.append(score(sharp, PaperDegradation().apply(sharp)))
    row = report["more"]["untouched"]
    assert row.psnr.mean == pytest.approx(np.mean([each.psnr for each in expected]))
    assert row.ssim.min == min(each.ssim for each in expected)
    assert row == report["more"][INPUT]


def test_the_table_has_a_row_a_model_and_a_column_a_set(photographs: Path) -> None:
    report = judge(find_sets(photographs / "more"), PaperDegradation(), {"mine": Untouched()})
    header, _, first, second = format_table(report).splitlines()
    assert header == "| | more |"
    assert first.startswith(f"| {INPUT} | ")
    assert second.startswith("| mine | ")


def test_models_are_called_what_they_are_to_be_called(photographs: Path) -> None:
    sets = {"more": find_sets(photographs / "more")["more"][:1]}
    evaluations = evaluate_sets(sets, PaperDegradation(), {"student": Untouched()})
    report = tabulate(evaluations, {"student": "student@abc"})
    assert list(report["more"]) == [INPUT, "student@abc"]


def test_a_sixteen_bit_picture_is_judged_on_in_eight(tmp_path: Path) -> None:
    deep = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
    PillowImage.fromarray(deep).save(tmp_path / "deep.png")
    sharp, _ = read_pair(tmp_path / "deep.png", PaperDegradation())
    assert sharp.dtype == np.uint8
    assert np.array_equal(sharp[..., 0], np.rint(deep / 257))
