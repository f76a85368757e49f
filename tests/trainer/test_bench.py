"""The measurement of the feed runs on any preset and compares like with like."""

from pathlib import Path

import numpy as np
import pytest

from sharpening.degradation import PaperDegradation
from trainer.bench import Rate, format_rates, load_as_the_paper
from trainer.cli import main
from trainer.photographs import find_photographs


def test_every_part_is_measured_in_one_run(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--preset", "smoke", "--data", str(photographs), "--store", str(tmp_path)]
    assert main(["bench-data", *arguments, "--seconds", "0.01", "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    for row in ("the paper's loading", "feed", "step of the student", "step of the teacher"):
        assert row in printed
    assert printed.count("times the megapixels of") == 3


def test_megapixels_follow_from_patches_and_the_feed_is_compared() -> None:
    rates = [Rate("feed (2 workers)", 200, 100), Rate("training step", 50, 200)]
    assert [rate.megapixels_per_s for rate in rates] == [2.0, 2.0]
    assert "gives 1.0 times the megapixels of: training step" in format_rates(rates)


def test_the_papers_loading_blurs_the_patch_that_it_cut(photographs: Path) -> None:
    path = find_photographs(photographs).photographs[0].path
    first, second = (
        load_as_the_paper(path, PaperDegradation(), 64, np.random.default_rng(seed))
        for seed in (1, 2)
    )
    assert first[0].shape == (64, 64, 3)
    assert np.array_equal(first[1], PaperDegradation().apply(first[0]))
    assert not np.array_equal(first[0], second[0])
