"""The figure: the pictures' own pixels at their places, under the figures they come to."""

import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as PillowImage

from sharpening.codec import decode
from sharpening.degradation import PaperDegradation
from sharpening.errors import TrainingError
from sharpening.metrics import psnr, ssim
from trainer.judging.figure import (
    CROP_PX,
    Panel,
    check_figure,
    choose_evenly,
    draw_rows,
    show_picture,
    write_figure,
)
from trainer.judging.report import INPUT

Pixels = npt.NDArray[np.uint8]


class Negative:
    """Turns every level round."""

    def sharpen(self, blurred: Pixels) -> Pixels:
        return 255 - blurred


def contains(sheet: Pixels, pixels: Pixels) -> bool:
    """Whether the picture stands somewhere on the sheet, pixel by pixel."""
    height, width = pixels.shape[:2]
    first = (sheet == pixels[0, 0]).all(axis=2)
    places = np.argwhere(first[: len(sheet) - height + 1, : sheet.shape[1] - width + 1])
    return any(
        np.array_equal(sheet[top : top + height, left : left + width], pixels)
        for top, left in places
    )


def read_figure(data: bytes) -> Pixels:
    return np.asarray(PillowImage.open(io.BytesIO(data)).convert("RGB"))


def noise(height: int, width: int, seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


def test_every_panel_is_there_unscaled() -> None:
    rows = [
        [Panel("a", noise(61, 90, 1)), Panel("b", noise(61, 90, 2))],
        [Panel("c", noise(120, 211, 3)), Panel("d", noise(120, 211, 4))],
    ]
    buffer = io.BytesIO()
    draw_rows(["left", "right"], rows).savefig(buffer, format="png")
    sheet = read_figure(buffer.getvalue())
    for row in rows:
        for panel in row:
            assert contains(sheet, panel.pixels)


def test_the_columns_are_the_input_the_models_and_the_truth(photographs: Path) -> None:
    path = photographs / "more" / "chelsea-1.png"
    sharp: Pixels = decode(path.read_bytes()).pixels
    blurred = PaperDegradation().apply(sharp)
    first, second, third = show_picture(path, PaperDegradation(), {"student": Negative()})
    np.testing.assert_array_equal(first.pixels, blurred)
    np.testing.assert_array_equal(second.pixels, 255 - blurred)
    np.testing.assert_array_equal(third.pixels, sharp)
    assert first.title == f"{ssim(sharp, blurred):.4f} | {psnr(sharp, blurred):.2f}"
    assert third.title == "chelsea-1"


def test_of_a_big_picture_the_middle_is_shown_and_scored(tmp_path: Path) -> None:
    sharp = noise(CROP_PX + 20, CROP_PX + 100, 5)
    PillowImage.fromarray(sharp).save(tmp_path / "big.png")
    first, last = show_picture(tmp_path / "big.png", PaperDegradation(), {})
    middle = slice(10, 10 + CROP_PX), slice(50, 50 + CROP_PX)
    np.testing.assert_array_equal(last.pixels, sharp[middle])
    blurred = PaperDegradation().apply(sharp)[middle]
    np.testing.assert_array_equal(first.pixels, blurred)
    assert first.title == f"{ssim(last.pixels, blurred):.4f} | {psnr(last.pixels, blurred):.2f}"


def test_a_perfect_answer_has_an_infinite_psnr(tmp_path: Path) -> None:
    PillowImage.new("RGB", (20, 20), "grey").save(tmp_path / "grey.png")
    first, _ = show_picture(tmp_path / "grey.png", PaperDegradation(), {})
    assert first.title == "1.0000 | inf"


def test_columns_have_their_names_and_no_text_leaves_its_column() -> None:
    panel = noise(20, 20, 6)
    title = "a $\\name_1$ of a picture, \u6f22\u5b57, that goes on and on and on and on"
    figure = draw_rows([INPUT, "student", "sharp"], [[Panel(title, panel)] * 3])
    figure.canvas.draw()
    boxes = [(text.get_text(), text.get_window_extent()) for text in figure.texts]
    assert [text for text, _ in boxes[:3]] == [INPUT, "student", "sharp"]
    assert boxes[3][0].startswith("a $\\name_1$ of")
    titles = [box for _, box in boxes[3:6]]
    assert all(left.x1 < right.x0 for left, right in pairwise(titles))
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width for _, box in boxes)


def test_it_is_written_as_a_png(photographs: Path, tmp_path: Path) -> None:
    output = tmp_path / "new" / "figure.png"
    path = photographs / "more" / "chelsea-1.png"
    write_figure(output, [path], PaperDegradation(), {"teacher": Negative()})
    assert contains(read_figure(output.read_bytes()), decode(path.read_bytes()).pixels)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, "a"), (2, "ae"), (3, "ace"), (5, "abcde"), (9, "abcde")],
)
def test_pictures_are_evenly_spaced_and_in_order(count: int, expected: str) -> None:
    chosen = choose_evenly([Path(name) for name in "ecabd"], count)
    assert "".join(map(str, chosen)) == expected


def test_only_a_png_can_be_written() -> None:
    check_figure(Path("figure.PNG"))
    with pytest.raises(TrainingError, match=r"figure\.pdf"):
        check_figure(Path("figure.pdf"))
