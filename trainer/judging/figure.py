"""The paper's figure: a row a picture, and what becomes of it in the columns.

Never scales a picture: one pixel of it is one pixel of the figure. Keeps no global state, unlike
`matplotlib.pyplot`.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from sharpening.degradation import Degradation
from sharpening.errors import TrainingError
from sharpening.evaluation import Sharpener
from sharpening.files import write_atomically
from sharpening.metrics import psnr, ssim
from trainer.judging.report import INPUT, read_pair
from trainer.patches import crop_centre

Pixels = npt.NDArray[np.uint8]

CROP_PX = 256
"""The paper's patches are as large."""

_SHARP = "sharp"
_CAPTION = f"SSIM | PSNR in dB of what is shown: the middle, at most {CROP_PX} px a side, unscaled"
_MARGIN_PX = 16
_GAP_PX = 12
_HEADER_PX = 36
_TITLE_PX = 24
_CAPTION_PX = 28
_CHARACTER_PX = 9
_NARROWEST_COLUMN_PX = 176
"""So that the titles of small pictures do not touch and the caption has room."""

_POINTS_PER_INCH = 72
"""As many pixels an inch: lengths in points, as fonts have them, are lengths in pixels."""


@dataclass(frozen=True)
class Panel:
    """One picture of the figure and what stands above it."""

    title: str
    pixels: Pixels


def write_figure(
    path: Path,
    pictures: Sequence[Path],
    degradation: Degradation,
    sharpeners: Mapping[str, Sharpener],
) -> None:
    """Draw the sharp pictures blurred, restored by each sharpener and as they are, as a PNG.

    Whole pictures are blurred and restored; their middle is shown and scored. Raises
    `TrainingError` for a picture that cannot be used.
    """
    rows = [show_picture(each, degradation, sharpeners) for each in pictures]
    figure = draw_rows([INPUT, *sharpeners, _SHARP], rows)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_atomically(path, buffer.getvalue())


def check_figure(path: Path) -> None:
    """Raise `TrainingError` for a figure that could not be written, before there is one."""
    if path.suffix.lower() != ".png":
        raise TrainingError(f"the figure is to be {path.name}, but it is a PNG: name it .png")


def choose_evenly(pictures: Sequence[Path], count: int) -> list[Path]:
    """Return at most `count` of the pictures, sorted by path and evenly spaced from end to end."""
    ordered = sorted(pictures)
    places = np.linspace(0, len(ordered) - 1, min(count, len(ordered)))
    return [ordered[round(place)] for place in places]


def show_picture(
    path: Path, degradation: Degradation, sharpeners: Mapping[str, Sharpener]
) -> list[Panel]:
    """Return a row of the figure: the blurred picture, each sharpener's answer and the picture.

    Titles are SSIM | PSNR in dB of what is shown, and the picture's name above itself.
    """
    sharp, blurred = read_pair(path, degradation)
    answers = {name: sharpener.sharpen(blurred) for name, sharpener in sharpeners.items()}
    shown = crop_centre({"blurred": blurred, **answers, _SHARP: sharp}, CROP_PX)
    reference = shown[_SHARP]
    return [
        Panel(path.stem if name == _SHARP else _score(reference, pixels), pixels.copy())
        for name, pixels in shown.items()
    ]


def draw_rows(
    columns: Sequence[str], rows: Sequence[Sequence[Panel]], *, caption: str = _CAPTION
) -> Figure:
    """Return the figure: the columns' names, the rows of panels and a line that says what is what.

    Every row has a panel for each column.
    """
    column_px = max(_NARROWEST_COLUMN_PX, *(each.pixels.shape[1] for row in rows for each in row))
    heights = [max(each.pixels.shape[0] for each in row) + _TITLE_PX + _GAP_PX for row in rows]
    sheet = Sheet(
        width_px=2 * _MARGIN_PX + len(columns) * (column_px + _GAP_PX) - _GAP_PX,
        height_px=_HEADER_PX + sum(heights) + _CAPTION_PX,
    )
    lefts = [_MARGIN_PX + index * (column_px + _GAP_PX) for index in range(len(columns))]
    for left, name in zip(lefts, columns, strict=True):
        sheet.write(name, left + column_px // 2, _HEADER_PX // 2, size_px=16)
    top = _HEADER_PX
    for row, height in zip(rows, heights, strict=True):
        for left, panel in zip(lefts, row, strict=True):
            title = _fit(panel.title, column_px)
            sheet.write(title, left + column_px // 2, top + _TITLE_PX // 2, size_px=13)
            indent = (column_px - panel.pixels.shape[1]) // 2
            sheet.place(panel.pixels, left + indent, top + _TITLE_PX)
        top += height
    sheet.write(caption, sheet.width_px // 2, top + _CAPTION_PX // 2 - _GAP_PX // 2, size_px=12)
    return sheet.figure


class Sheet:
    """A white figure of so many pixels, on which places count from its top left."""

    def __init__(self, *, width_px: int, height_px: int) -> None:
        self.width_px, self.height_px = width_px, height_px
        inches = (width_px / _POINTS_PER_INCH, height_px / _POINTS_PER_INCH)
        self.figure = Figure(figsize=inches, dpi=_POINTS_PER_INCH, facecolor="white")

    def write(self, text: str, x: int, y: int, *, size_px: int) -> None:
        """Write a line about its middle; `$` in it is a dollar."""
        place = (x / self.width_px, 1 - y / self.height_px)
        self.figure.text(*place, text, fontsize=size_px, ha="center", va="center", parse_math=False)

    def place(self, pixels: Pixels, left: int, top: int) -> None:
        """Put a picture there as it is, without resampling."""
        bottom = self.height_px - top - pixels.shape[0]
        self.figure.figimage(pixels, left, bottom, origin="upper")


def _score(reference: Pixels, pixels: Pixels) -> str:
    return f"{ssim(reference, pixels):.4f} | {psnr(reference, pixels):.2f}"


def _fit(title: str, width_px: int) -> str:
    """Cut the title to the column; what matplotlib's font lacks becomes a question mark."""
    known = title.encode("latin-1", "replace").decode("latin-1")
    most = width_px // _CHARACTER_PX
    return known if len(known) <= most else f"{known[: most - 3]}..."
