"""The paper's four pairs: who is measured against whom, and the tables as printed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as PillowImage

from sharpening.codec import decode
from sharpening.degradation import PaperDegradation
from sharpening.metrics import psnr, ssim
from trainer.judging.comparison import Comparison, compare, format_tables
from trainer.judging.report import find_sets

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Lighten:
    """Adds so many levels."""

    levels: int

    def sharpen(self, blurred: Pixels) -> Pixels:
        return np.clip(blurred.astype(int) + self.levels, 0, 255).astype(np.uint8)


STUDENT, TEACHER = Lighten(3), Lighten(8)


@pytest.fixture(scope="module")
def pictures(photographs: Path) -> list[Path]:
    return find_sets(photographs / "more")["more"]


@pytest.fixture(scope="module")
def comparison(pictures: list[Path]) -> Comparison:
    return compare(pictures, PaperDegradation(), student=STUDENT, teacher=TEACHER)


def test_each_pair_is_the_mean_over_the_pictures(
    comparison: Comparison, pictures: list[Path]
) -> None:
    expected: dict[str, list[tuple[float, float]]] = {}
    for path in pictures:
        sharp: Pixels = decode(path.read_bytes()).pixels
        blurred = PaperDegradation().apply(sharp)
        student, teacher = STUDENT.sharpen(blurred), TEACHER.sharpen(blurred)
        pairs = {
            "student against teacher": (teacher, student),
            "student against sharp": (sharp, student),
            "teacher against sharp": (sharp, teacher),
            "input against sharp": (sharp, blurred),
        }
        for name, (reference, image) in pairs.items():
            expected.setdefault(name, []).append((ssim(reference, image), psnr(reference, image)))
    assert list(comparison.pairs) == list(expected)
    for name, figures in expected.items():
        row = comparison.pairs[name]
        assert (row.ssim.mean, row.psnr.mean) == pytest.approx(np.mean(figures, axis=0))


def test_the_tables_put_ours_beside_the_published(comparison: Comparison) -> None:
    published = [("0.9400", "34.79"), ("0.8263", "30.39"), ("0.8807", "32.78"), ("-", "-")]
    ssim_rows, psnr_rows = [], []
    for (pair, row), (its_ssim, its_psnr) in zip(comparison.pairs.items(), published, strict=True):
        ssim_rows.append(f"| {pair} | {row.ssim.mean:.4f} | {its_ssim} | 7 |")
        psnr_rows.append(f"| {pair} | {row.psnr.mean:.2f} | {its_psnr} | 7 |")
    header = ["", "| pair | measured | published | pictures |", "|---|---|---|---|"]
    assert format_tables(comparison).splitlines() == [
        *("Table 2: average SSIM", *header, *ssim_rows, ""),
        *("Table 3: average PSNR in dB", *header, *psnr_rows),
    ]


def test_identical_pictures_are_left_out_of_psnr_and_said_to_be(
    tmp_path: Path, pictures: list[Path]
) -> None:
    grey = tmp_path / "grey.png"
    PillowImage.new("RGB", (32, 32), "grey").save(grey)
    untouched = Lighten(0)
    one = compare([grey, pictures[0]], PaperDegradation(), student=untouched, teacher=untouched)
    assert one.pairs["student against sharp"].psnr.count == 1
    table2, table3 = format_tables(one).split("Table 3")
    assert "| student against teacher | 1.0000 | 0.9400 | 2 |" in table2
    assert "| student against teacher | - | 34.79 | 0 (2 identical left out) |" in table3
    assert "| - | 1 (1 identical left out) |" in table3


def test_another_profile_has_nothing_published(comparison: Comparison) -> None:
    other = comparison.model_copy(update={"profile": "call"})
    assert "34.79" not in format_tables(other)
    assert "0.9400" not in format_tables(other)
