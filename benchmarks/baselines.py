"""What a network has to beat: a tuned unsharp mask and the best linear filter.

    python -m benchmarks.baselines --train PHOTOGRAPHS

tunes and fits them on training photographs and writes `benchmarks/baselines.npz`, so that tables
can be printed without those. Never sees a test picture.
"""

import argparse
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image as PillowImage
from PIL import ImageFilter

from sharpening.degradation import PROFILES
from sharpening.evaluation import summarise
from sharpening.files import write_atomically
from sharpening.metrics import psnr
from trainer.config import ContentSplit
from trainer.patches import crop_centre
from trainer.photographs import Photograph, find_photographs, split_photographs
from trainer.store import GRID_PX, Picture, Store

Pixels = npt.NDArray[np.uint8]

SMALLEST_PICTURE_PX = 64
"""Smaller photographs are not tuned or fitted on."""

_RADII_PX = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
_PERCENTS = (25, 50, 100, 150, 200, 250, 300, 350)
_TUNING_CROP_PX = 512
_WINDOW_PX = 21
_SAMPLES_PER_PICTURE = 600
_RIDGE = 1e-6
_VERSIONS = 2

BASELINES = Path(__file__).with_name("baselines.npz")


@dataclass(frozen=True)
class UnsharpMask:
    """Pillow's unsharp mask, without a threshold."""

    radius_px: float
    percent: int

    def sharpen(self, blurred: Pixels) -> Pixels:
        mask = ImageFilter.UnsharpMask(self.radius_px, self.percent, 0)
        return np.asarray(PillowImage.fromarray(blurred).filter(mask))


def tune_unsharp_mask(pictures: Sequence[Picture]) -> UnsharpMask:
    """Return the mask with the highest mean PSNR on the pictures, of a grid of 64."""

    def worth(mask: UnsharpMask) -> float:
        values = [psnr(each["sharp"], mask.sharpen(each["blurred"])) for each in pictures]
        return summarise(values).mean or 0.0

    return max((UnsharpMask(*each) for each in product(_RADII_PX, _PERCENTS)), key=worth)


def load_tuning_crops(
    photographs: Sequence[Photograph], planes: Store, *, versions: int = 1
) -> list[Picture]:
    """Return the middles of the photographs set aside for validation, sharp and blurred."""
    decoded = planes.decode(photographs, patch_px=SMALLEST_PICTURE_PX)
    blurred = planes.blur(decoded.pictures, versions=versions)
    return [crop_centre(picture, _TUNING_CROP_PX) for picture in blurred.values()]


@dataclass(frozen=True)
class LinearRestorer:
    """One 21x21 filter for each place on the 2x2 grid, shared over colours, added to the input."""

    filters: npt.NDArray[np.float64]
    """`(2, 2, 21, 21)`: row on the grid, column on the grid, window."""

    def sharpen(self, blurred: Pixels) -> Pixels:
        height, width = blurred.shape[:2]
        margin = _WINDOW_PX // 2
        padding = ((margin, margin + GRID_PX), (margin, margin + GRID_PX), (0, 0))
        padded = np.pad(blurred, padding, mode="edge").astype(np.float32)
        colours = torch.from_numpy(padded).permute(2, 0, 1).unsqueeze(1)
        correction = np.zeros((height + GRID_PX, width + GRID_PX, 3), np.float32)
        for row, column in np.ndindex(GRID_PX, GRID_PX):
            kernel = torch.from_numpy(self.filters[row, column].astype(np.float32))[None, None]
            answer = F.conv2d(colours[:, :, row:, column:], kernel, stride=GRID_PX)
            target = correction[row::GRID_PX, column::GRID_PX]
            phase = answer[:, 0].permute(1, 2, 0).numpy()
            target[:] = phase[: target.shape[0], : target.shape[1]]
        restored = blurred + correction[:height, :width]
        return np.clip(np.rint(restored), 0, 255).astype(np.uint8)


def fit_linear_restorer(pictures: Sequence[Picture], seed: int = 0) -> LinearRestorer:
    """Return the least-squares filters, from 600 places a picture and grid place, all colours."""
    taps = _WINDOW_PX**2
    filters = np.empty((GRID_PX, GRID_PX, _WINDOW_PX, _WINDOW_PX))
    for row, column in np.ndindex(GRID_PX, GRID_PX):
        normal, moment = np.zeros((taps, taps)), np.zeros(taps)
        for windows, corrections in _draw(pictures, (row, column), seed):
            normal += windows.T @ windows
            moment += windows.T @ corrections
        normal += _RIDGE * np.trace(normal) / taps * np.eye(taps)
        filters[row, column] = np.linalg.solve(normal, moment).reshape(_WINDOW_PX, _WINDOW_PX)
    return LinearRestorer(filters)


def load_unsharp_mask(profile: str) -> UnsharpMask:
    """Return the mask that was tuned for the profile."""
    with np.load(BASELINES) as arrays:
        radius_px, percent = arrays[f"mask-{profile}"]
    return UnsharpMask(float(radius_px), int(percent))


def load_linear_restorer() -> LinearRestorer:
    """Return the filters that were fitted to the paper's degradation."""
    with np.load(BASELINES) as arrays:
        return LinearRestorer(arrays["linear-paper"].astype(np.float64))


def main() -> None:
    """Tune, fit and write."""
    options = _parse()
    found = find_photographs(options.train).photographs
    training, validation = split_photographs(found, ContentSplit().fraction)
    arrays: dict[str, npt.NDArray[np.float32]] = {}
    for profile, degradation in PROFILES.items():
        planes = Store(options.store, degradation)
        crops = load_tuning_crops(validation, planes, versions=_VERSIONS)
        # where nothing happened every mask does harm, and a PSNR is infinite
        changed = [each for each in crops if not np.array_equal(each["sharp"], each["blurred"])]
        mask = tune_unsharp_mask(changed)
        arrays[f"mask-{profile}"] = np.array([mask.radius_px, mask.percent], np.float32)
        print(f"{profile}: {mask}")
    planes = Store(options.store, PROFILES["paper"])
    pictures = planes.load(training, patch_px=SMALLEST_PICTURE_PX).pictures.values()
    arrays["linear-paper"] = fit_linear_restorer(list(pictures)).filters.astype(np.float32)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    write_atomically(BASELINES, buffer.getvalue())


def _draw(
    pictures: Sequence[Picture], phase: tuple[int, int], seed: int
) -> Iterator[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Yield windows `(N, 441)` of a picture's blurred plane and what their middles lack."""
    generator = np.random.default_rng((seed, *phase))
    margin = _WINDOW_PX // 2
    for picture in pictures:
        sharp, blurred = np.asarray(picture["sharp"]), np.asarray(picture["blurred"])
        rows, columns = (
            generator.integers(
                margin // GRID_PX + 1, (side - margin) // GRID_PX - 1, _SAMPLES_PER_PICTURE
            )
            * GRID_PX
            + offset
            for side, offset in zip(sharp.shape[:2], phase, strict=True)
        )
        view = sliding_window_view(blurred, (_WINDOW_PX, _WINDOW_PX), axis=(0, 1))
        windows = view[rows - margin, columns - margin].reshape(-1, _WINDOW_PX**2)
        middles = blurred[rows, columns].astype(np.float64)
        lack = sharp[rows, columns].astype(np.float64) - middles
        yield windows.astype(np.float64), lack.reshape(-1)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.baselines", description=__doc__)
    parser.add_argument("--train", type=Path, required=True, help="photographs to fit them to")
    parser.add_argument("--store", type=Path, default=Path("runs/store"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
