"""How alike two pictures are: PSNR and SSIM, each under the name of its definition.

Never infers a value range and never runs a network: pictures are 8-bit, the range is 255.
"""

import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from sharpening.errors import ImageError, SizeMismatchError
from sharpening.similarity import make_gaussian_window, make_uniform_window, mean_similarity

Pixels = npt.NDArray[np.uint8]

DATA_RANGE = 255

_LUMA = (65_481, 128_553, 24_966)
_LUMA_SCALE = 1000 * DATA_RANGE
"""BT.601 studio-range luma in whole numbers: https://www.itu.int/rec/R-REC-BT.601."""

_PX_AT_ONCE = 1 << 14

DEFINITIONS = {
    "psnr": "dB over all RGB values, 8-bit, no border crop; null where the pictures are identical",
    "ssim": "scikit-image's default: 7x7 uniform window where it fits, RGB mean, data_range 255",
    "ssim_gaussian": "Wang et al. 2004: 11x11 Gaussian window, sigma 1.5, population covariance",
    "psnr_y": "dB on BT.601 studio-range luma (16 to 235), no border crop; null where identical",
}


class Score(BaseModel):
    """The figures of one picture against its reference; `DEFINITIONS` says what each is."""

    model_config = ConfigDict(frozen=True)

    psnr: float | None
    ssim: float
    ssim_gaussian: float
    psnr_y: float | None
    identical: bool


def score(reference: Pixels, image: Pixels) -> Score:
    """Compare two `(H, W, 3)` uint8 pictures.

    Raises `SizeMismatchError` for different sizes and `ImageError` for other arrays. Pictures
    smaller than SSIM's window are compared by extending both by their border.
    """
    check_pair(reference, image)
    errors = _multiply_errors(reference, image)
    return Score(
        psnr=_finite(_psnr(errors)),
        ssim=ssim(reference, image),
        ssim_gaussian=ssim_gaussian(reference, image),
        psnr_y=_finite(_psnr_y(errors)),
        identical=_sum_squares(errors) == 0,
    )


def psnr(reference: Pixels, image: Pixels) -> float:
    """Return the peak signal-to-noise ratio in dB over all values; infinity for identical ones."""
    return _psnr(_multiply_errors(reference, image))


def psnr_y(reference: Pixels, image: Pixels) -> float:
    """Return the PSNR of BT.601 luma, as papers on super-resolution report it."""
    return _psnr_y(_multiply_errors(reference, image))


def ssim(reference: Pixels, image: Pixels) -> float:
    """Return structural similarity as scikit-image's defaults define it (7x7 uniform window)."""
    return mean_similarity(*_extend_to(7, reference, image), make_uniform_window(7))


def ssim_gaussian(reference: Pixels, image: Pixels) -> float:
    """Return structural similarity with the window of https://doi.org/10.1109/TIP.2003.819861."""
    return mean_similarity(*_extend_to(11, reference, image), make_gaussian_window(1.5, 11))


def check_pair(reference: npt.NDArray[Any], image: npt.NDArray[Any]) -> None:
    """Raise unless both are `(H, W, 3)` uint8 pictures of one size."""
    for name, pixels in (("reference", reference), ("image", image)):
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise ImageError(
                f"the {name} is {pixels.shape} {pixels.dtype}; metrics compare (H, W, 3) uint8"
            )
    if reference.shape != image.shape:
        raise SizeMismatchError(
            f"the reference is {reference.shape[1]}x{reference.shape[0]} and the image "
            f"{image.shape[1]}x{image.shape[0]}: send two pictures of one size"
        )


@dataclass(frozen=True)
class _Errors:
    """Sums, over so many px, of the products of each two channels' errors; exact."""

    products: list[list[int]]
    px: int


def _multiply_errors(reference: Pixels, image: Pixels) -> _Errors:
    """Go through the pictures a few rows at a time: both PSNRs follow from nine sums."""
    height, width, channels = reference.shape
    rows = max(1, _PX_AT_ONCE // max(1, width))
    products = np.zeros((channels, channels))
    for top in range(0, height, rows):
        band = slice(top, top + rows)
        errors = np.subtract(reference[band], image[band], dtype=np.float64)
        errors = errors.reshape(-1, channels)
        products += errors.T @ errors  # whole numbers, far below 2**53
    return _Errors(products.astype(np.int64).tolist(), height * width)


def _psnr(errors: _Errors) -> float:
    return _to_decibels(_sum_squares(errors), 3 * errors.px)


def _sum_squares(errors: _Errors) -> int:
    return sum(errors.products[channel][channel] for channel in range(3))


def _psnr_y(errors: _Errors) -> float:
    terms = product(enumerate(_LUMA), enumerate(_LUMA))
    squares = sum(a * b * errors.products[i][j] for (i, a), (j, b) in terms)
    return _to_decibels(squares, errors.px * _LUMA_SCALE**2)


def _to_decibels(squares: int, count: int) -> float:
    return math.inf if squares == 0 else 10 * math.log10(DATA_RANGE**2 * count / squares)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _extend_to(window: int, reference: Pixels, image: Pixels) -> tuple[Pixels, Pixels]:
    height, width = reference.shape[:2]
    below, right = max(0, window - height), max(0, window - width)
    if not below and not right:
        return reference, image
    padding = ((0, below), (0, right), (0, 0))
    return np.pad(reference, padding, mode="edge"), np.pad(image, padding, mode="edge")
