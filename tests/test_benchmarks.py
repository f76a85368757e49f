"""The published table and picture come out of their commands, on a few pictures."""

import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage

from benchmarks import contact_sheet, quality
from benchmarks.damages import GRID, NOTHING

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


def test_every_detail_names_a_damage_that_there_is() -> None:
    known = {None, NOTHING, *GRID}
    details = [each for sheet in contact_sheet.SHEETS.values() for each in sheet]
    assert {each.damage for each in details} <= known
