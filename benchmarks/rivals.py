"""What one would take instead of a network: unsharp masks and the classical deconvolutions.

Deconvolution is told the blur itself, `measure_spread`, which nobody knows of a picture found
somewhere; its one free number is tuned on the example photograph, never on a test picture.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from skimage.restoration import richardson_lucy, wiener

from sharpening.degradation import Degradation
from sharpening.metrics import psnr

Pixels = npt.NDArray[np.uint8]
Spread = npt.NDArray[np.float64]

_REACH_PX = 8
_ITERATIONS = (2, 5, 10, 20)
_BALANCES = (0.001, 0.003, 0.01, 0.03, 0.1)


@dataclass(frozen=True)
class OpenCvUnsharpMask:
    """OpenCV has none of its own: the usual two calls."""

    sigma_px: float
    amount: float

    def sharpen(self, blurred: Pixels) -> Pixels:
        smooth = cv2.GaussianBlur(blurred, (0, 0), self.sigma_px)
        return np.asarray(cv2.addWeighted(blurred, 1 + self.amount, smooth, -self.amount, 0))


@dataclass(frozen=True)
class RichardsonLucy:
    """scikit-image's, colour by colour."""

    spread: Spread
    iterations: int

    def sharpen(self, blurred: Pixels) -> Pixels:
        return _by_colour(
            blurred, lambda plane: richardson_lucy(plane, self.spread, self.iterations)
        )


@dataclass(frozen=True)
class Wiener:
    """scikit-image's, colour by colour."""

    spread: Spread
    balance: float

    def sharpen(self, blurred: Pixels) -> Pixels:
        return _by_colour(blurred, lambda plane: wiener(plane, self.spread, self.balance))


def measure_spread(degradation: Degradation) -> Spread:
    """Return what a degradation makes of a point, from what it makes of an edge; it is separable.

    `(17, 17)`, of sum 1. An edge, unlike a point, uses all grey levels.
    """
    sides_px = 8 * _REACH_PX
    lines = []
    for shift in range(4):  # wherever the edge lies on the grid
        edge = np.zeros((sides_px, sides_px, 3), np.uint8)
        middle = sides_px // 2 + shift
        edge[:, middle:] = 255
        row = degradation.apply(edge)[sides_px // 2, :, 1].astype(np.float64)
        lines.append(np.diff(row)[middle - 1 - _REACH_PX : middle + _REACH_PX])
    line = np.mean(lines, axis=0)
    line = (line + line[::-1]) / (2 * line.sum())
    spread: Spread = np.outer(line, line)
    return spread


def tune_deconvolutions(sharp: Pixels, degradation: Degradation) -> tuple[RichardsonLucy, Wiener]:
    """Return both with the number that does best on the photograph."""
    blurred, spread = degradation.apply(sharp), measure_spread(degradation)
    lucies = [RichardsonLucy(spread, iterations) for iterations in _ITERATIONS]
    wieners = [Wiener(spread, balance) for balance in _BALANCES]
    return _choose(lucies, sharp, blurred), _choose(wieners, sharp, blurred)


def _choose(tried: Iterable[Any], sharp: Pixels, blurred: Pixels) -> Any:
    return max(tried, key=lambda each: psnr(sharp, each.sharpen(blurred)))


def _by_colour(
    blurred: Pixels, restore: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
) -> Pixels:
    planes = [
        restore(np.pad(blurred[..., colour] / 255, _REACH_PX, "reflect")) for colour in range(3)
    ]
    inner = slice(_REACH_PX, -_REACH_PX)
    restored = np.stack(planes, axis=-1)[inner, inner]
    return np.clip(np.rint(restored * 255), 0, 255).astype(np.uint8)
