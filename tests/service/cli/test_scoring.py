"""`sharpen evaluate` and `sharpen batch` in this process."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from sharpening.metrics import score

Run = Callable[..., int]


def read(path: Path) -> np.ndarray:
    return np.asarray(PillowImage.open(path))


def test_evaluate_prints_a_table_with_the_mean(
    run: Run, sharp_dir: Path, blurred_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", sharp_dir, blurred_dir) == 0

    lines = capsys.readouterr().out.splitlines()
    scores = [
        score(read(sharp_dir / name), read(blurred_dir / name)) for name in ("a.png", "below/b.png")
    ]
    titles = ["", *(cell.strip() for cell in lines[0].split("|")[1:-1])]
    assert titles[1:4] == ["PSNR / SSIM", "blurred input", "student"]
    first, second, mean = ([cell.strip() for cell in line.split("|")] for line in lines[2:])
    assert first[1:3] == ["a.png", f"{scores[0].psnr:.2f} / {scores[0].ssim:.4f}"]
    assert second[1] == "below/b.png"
    means = np.mean([(each.psnr, each.ssim) for each in scores], axis=0)
    assert mean[1:3] == ["**mean**", f"{means[0]:.2f} / {means[1]:.4f}"]


def test_evaluate_blurs_a_reference_that_is_alone(
    run: Run, sharp_dir: Path, blurred_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", sharp_dir / "a.png", "--json") == 0
    alone = json.loads(capsys.readouterr().out)
    assert run("evaluate", sharp_dir / "a.png", blurred_dir / "a.png", "--json") == 0
    paired = json.loads(capsys.readouterr().out)

    assert alone["degradation"]["profile"] == "paper"
    assert paired["degradation"] is None
    assert alone["pictures"] == paired["pictures"]
    assert list(alone["pictures"]["a.png"]) == ["input", "student", "teacher", "student_vs_teacher"]
    assert alone["models"]["student"].startswith("student@")


def test_evaluate_goes_on_past_what_cannot_be_scored(
    run: Run, sharp_dir: Path, blurred_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sharp_dir / "lonely.png").touch()
    (blurred_dir / "below/b.png").write_text("not a picture")

    assert run("evaluate", sharp_dir, blurred_dir, "--json") == 1

    printed = json.loads(capsys.readouterr().out)
    assert list(printed["pictures"]) == ["a.png"]
    assert sorted(printed["failed"]) == ["below/b.png", "lonely.png"]
    assert printed["failed"]["lonely.png"] == f"not in {blurred_dir}"
    assert printed["summary"]["student"]["psnr"]["count"] == 1


def test_evaluate_with_nothing_to_show_shows_no_table(
    run: Run, sharp_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sharp_dir / "a.png").write_text("not a picture")

    assert run("evaluate", sharp_dir / "a.png") == 1

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "0 of 1 pictures scored" in printed.err


def test_batch_prints_a_line_a_picture_and_a_summary(
    run: Run, sharp_dir: Path, blurred_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (blurred_dir / "below/b.png").write_text("not a picture")

    assert run("batch", "--score", sharp_dir, blurred_dir) == 1

    lines = capsys.readouterr().out.splitlines()
    (scored,) = (line for line in lines if line.startswith("a.png: blurred input "))
    assert ", student " in scored
    (failed,) = (line for line in lines if line.startswith("below/b.png: "))
    assert "not a picture" in failed
    assert "1 scored, 1 failed" in lines
    assert lines[-3].startswith("| mean |")


def test_batch_prints_json_lines(
    run: Run, sharp_dir: Path, blurred_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sharp_dir / "lonely.png").touch()

    assert run("batch", "--score", sharp_dir, blurred_dir, "--json") == 1

    printed = capsys.readouterr()
    *pictures, summary = (json.loads(line) for line in printed.out.splitlines())
    assert sorted(each["name"] for each in pictures) == ["a.png", "below/b.png"]
    mean = np.mean([each["student"]["psnr"] for each in pictures])
    assert summary["student"]["psnr"]["mean"] == pytest.approx(mean)
    assert (summary["pictures"], summary["errors"]) == (2, 0)
    assert printed.err == f"lonely.png: not in {blurred_dir}\n"


def test_bench_measures_every_model(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bench", "--seconds", "0") == 0

    lines = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:4]]
    assert {row[0].partition("@")[0] for row in rows} == {"student", "teacher"}
    for row in rows:
        model_ms, whole_ms, megapixels_per_s = map(float, row[3:6])
        assert 0 < model_ms < whole_ms
        assert megapixels_per_s == pytest.approx(1280 * 720 / 1e3 / model_ms, rel=0.05)
    assert "in this process" in lines[-1]
    assert "threads" in lines[-1]
