"""The published table and picture come out of their commands, on a few pictures."""

import sys
from pathlib import Path

import pytest
import skimage.data
from PIL import Image as PillowImage

from benchmarks import before_after, metrics, quality

REPOSITORY = Path(__file__).parents[1]
WEIGHTS = [str(path) for path in sorted((REPOSITORY / "weights").glob("paper-*.safetensors"))]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    cat = skimage.data.chelsea()
    for index in range(4):
        PillowImage.fromarray(cat[:96, 96 * index :][:, :96]).save(folder / f"{index}.png")
    return folder


def test_the_table_has_a_row_for_every_model_and_baseline(
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--data", str(pictures), "--train", str(pictures), "--store", str(tmp_path / "s")]
    monkeypatch.setattr(sys, "argv", ["quality", *WEIGHTS, *arguments, "--self-ensemble"])
    quality.main()
    printed = capsys.readouterr().out
    for row in ("blurred input", "UnsharpMask", "linear", "student@", "teacher@", "of 8"):
        assert row in printed


def test_the_picture_shows_input_models_and_original(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = tmp_path / "drawn.png"
    sharp = str(REPOSITORY / "examples" / "dog.png")
    monkeypatch.setattr(
        sys, "argv", ["before_after", *WEIGHTS, "--sharp", sharp, "--output", str(drawn)]
    )
    before_after.main()
    with PillowImage.open(drawn) as picture:
        assert min(picture.size) > 2 * 2 * 240  # two rows of two panels, enlarged


def test_the_times_of_the_metrics_stand_beside_scikit_images(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--width", "40", "--height", "30", "--repeats", "1"]
    monkeypatch.setattr(sys, "argv", ["metrics", *small])
    metrics.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[1:]] == [f"| {name}" for name in metrics.OURS]
