"""The check says of each file what training would do with it."""

from pathlib import Path

import pytest
from PIL import Image as PillowImage

from sharpening.errors import TrainingError
from trainer.cli import main
from trainer.photographs import Reason
from trainer.prepare import check_folder


def test_good_photographs_are_sound(photographs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", "check", str(photographs)]) == 0
    assert "all 15 photographs are used" in capsys.readouterr().out


def test_each_bad_file_is_left_out_for_its_reason(mixed: Path) -> None:
    check = check_folder(mixed, patch_px=96)
    assert check.total == 33
    assert {each.path.name: each.reason for each in check.left_out} == {
        "link.png": Reason.UNREADABLE,
        "ring.png": Reason.UNREADABLE,
        "empty.jpg": Reason.DAMAGED,
        "cut.png": Reason.DAMAGED,
        "cut.jpg": Reason.DAMAGED,
        "header-only.tif": Reason.DAMAGED,
        "text.png": Reason.NOT_A_PICTURE,
        "animated.webp": Reason.UNSUPPORTED,
        "float.tiff": Reason.UNSUPPORTED,
        "huge.png": Reason.TOO_LARGE,
        "one-pixel.png": Reason.TOO_SMALL,
        "narrow.png": Reason.TOO_SMALL,
    }


def test_each_conversion_is_told(mixed: Path) -> None:
    check = check_folder(mixed / "odd", patch_px=96)
    assert check.is_sound
    assert {(each.path.name, each.how) for each in check.converted} == {
        ("greyscale.png", "greyscale, to three equal channels"),
        ("sixteen-bits.png", "greyscale, to three equal channels"),
        ("sixteen-bits.png", "16 bits, to 8"),
        ("transparent.png", "transparent, to opaque"),
        ("ink.jpg", "CMYK, to sRGB"),
    }


def test_what_is_left_out_and_converted_is_printed_and_broken_files_end_with_1(
    mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prepare", "check", str(mixed)]) == 1
    printed = capsys.readouterr().out
    assert "12 of 33 photographs are left out:" in printed
    assert "  damaged or incomplete (4):" in printed
    assert f"{mixed / 'bad' / 'narrow.png'}: 20x144 px of 96" in printed
    assert f"  CMYK, to sRGB (1):\n    {mixed / 'odd' / 'ink.jpg'}" in printed


@pytest.mark.parametrize("patch_px", [96, 144, 145])
def test_small_pictures_are_left_out_but_not_broken(photographs: Path, patch_px: int) -> None:
    check = check_folder(photographs, patch_px=patch_px)
    assert len(check.left_out) == (15 if patch_px > 144 else 0)
    assert check.is_sound


def test_one_truncated_picture_is_broken(photographs: Path, tmp_path: Path) -> None:
    whole = (photographs / "chelsea-0.png").read_bytes()
    (tmp_path / "whole.png").write_bytes(whole)
    (tmp_path / "cut.png").write_bytes(whole[:-500])
    check = check_folder(tmp_path, patch_px=96)
    assert [each.path.name for each in check.left_out] == ["cut.png"]
    assert not check.is_sound


def test_copies_are_counted(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        PillowImage.new("RGB", (100, 100)).save(tmp_path / name)
    check = check_folder(tmp_path, patch_px=96)
    assert (check.total, check.copies) == (1, 2)
    assert "copies of others, which count once: 2" in check.describe()


def test_no_photographs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no photographs"):
        check_folder(tmp_path, patch_px=96)
