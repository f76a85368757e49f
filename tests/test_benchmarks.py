"""The published table and picture come out of their commands, on a few pictures."""

import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage

from benchmarks import baselines, contact_sheet, metrics, quality
from benchmarks.damages import GRID, NOTHING
from sharpening.degradation import PaperDegradation
from sharpening.metrics import psnr
from sharpening.weights import load_weights

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
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [*WEIGHTS, "--data", str(pictures), "--self-ensemble"]
    monkeypatch.setattr(sys, "argv", ["quality", *arguments])
    quality.main()
    printed = capsys.readouterr().out
    for row in ("blurred input", "UnsharpMask", "linear", "student@", "teacher@", "of 8"):
        assert row in printed


def test_baselines_are_tuned_and_fitted_on_the_photographs_given(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = tmp_path / "baselines.npz"
    monkeypatch.setattr(baselines, "BASELINES", written)
    arguments = ["--train", str(pictures), "--store", str(tmp_path / "store")]
    monkeypatch.setattr(sys, "argv", ["baselines", *arguments])
    baselines.main()
    sharp = skimage.data.chelsea()[100:228, 100:228]
    blurred = PaperDegradation().apply(sharp)
    before = psnr(sharp, blurred)
    assert psnr(sharp, baselines.load_unsharp_mask("paper").sharpen(blurred)) > before + 0.5
    assert psnr(sharp, baselines.load_linear_restorer().sharpen(blurred)) > before + 0.5
    assert baselines.load_unsharp_mask("call").radius_px > 0


def test_the_sheet_has_a_panel_for_input_mask_models_and_original(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, data = tmp_path / "drawn.png", str(REPOSITORY / "examples")
    arguments = ["readme", *WEIGHTS, "--data", data, "--output", str(drawn)]
    monkeypatch.setattr(sys, "argv", ["contact_sheet", *arguments])
    contact_sheet.main()
    sharp = np.asarray(PillowImage.open(REPOSITORY / "examples" / "dog.png"))[120:248, 170:298]
    enlarged = sharp.repeat(2, axis=0).repeat(2, axis=1)
    with PillowImage.open(drawn) as picture:
        sheet = np.asarray(picture)
    assert sheet.shape[1] > 5 * 2 * 128
    rightmost = sheet[60 : 60 + 256, -16 - 256 : -16]
    np.testing.assert_array_equal(rightmost, enlarged)


def test_a_second_model_of_a_role_is_refused() -> None:
    models = [load_weights(Path(path)) for path in (*WEIGHTS, *WEIGHTS[:1])]
    with pytest.raises(SystemExit, match="give one model of each role"):
        contact_sheet.open_sharpeners(models)


def test_every_detail_names_a_damage_that_there_is() -> None:
    known = {None, NOTHING, *GRID}
    details = [each for sheet in contact_sheet.SHEETS.values() for each in sheet]
    assert {each.damage for each in details} <= known


def test_the_times_of_the_metrics_stand_beside_scikit_images(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--width", "40", "--height", "30", "--repeats", "1"]
    monkeypatch.setattr(sys, "argv", ["metrics", *small])
    metrics.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[1:]] == [f"| {name}" for name in metrics.OURS]
