"""How alike two pictures are: PSNR and SSIM, each under the name of its definition.

Never infers a value range and never runs a network: pictures are 8-bit, the range is 255.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict
from skimage.metrics import structural_similarity

from sharpening.errors import ImageError, SizeMismatchError

Pixels = npt.NDArray[np.uint8]

DATA_RANGE = 255

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
    return Score(
        psnr=_finite(psnr(reference, image)),
        ssim=ssim(reference, image),
        ssim_gaussian=ssim_gaussian(reference, image),
        psnr_y=_finite(psnr_y(reference, image)),
        identical=bool(np.array_equal(reference, image)),
    )


def psnr(reference: Pixels, image: Pixels) -> float:
    """Return the peak signal-to-noise ratio in dB over all values; infinity for identical ones."""
    return _psnr(reference.astype(np.float64), image.astype(np.float64))


def psnr_y(reference: Pixels, image: Pixels) -> float:
    """Return the PSNR of BT.601 luma, as papers on super-resolution report it."""
    return _psnr(_luma(reference), _luma(image))


def ssim(reference: Pixels, image: Pixels) -> float:
    """Return structural similarity as scikit-image's defaults define it (7x7 uniform window)."""
    pair = _extend_to(7, reference, image)
    return float(structural_similarity(*pair, data_range=DATA_RANGE, channel_axis=2))


def ssim_gaussian(reference: Pixels, image: Pixels) -> float:
    """Return structural similarity with the window of https://doi.org/10.1109/TIP.2003.819861."""
    pair = _extend_to(11, reference, image)
    return float(
        structural_similarity(
            *pair,
            data_range=DATA_RANGE,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


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


def _psnr(reference: npt.NDArray[np.float64], image: npt.NDArray[np.float64]) -> float:
    error = float(np.mean((reference - image) ** 2))
    return math.inf if error == 0 else 10 * math.log10(DATA_RANGE**2 / error)


def _luma(pixels: Pixels) -> npt.NDArray[np.float64]:
    """BT.601 studio-range luma: https://www.itu.int/rec/R-REC-BT.601."""
    coefficients = np.array([65.481, 128.553, 24.966]) / DATA_RANGE
    return pixels.astype(np.float64) @ coefficients + 16


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _extend_to(window: int, reference: Pixels, image: Pixels) -> tuple[Pixels, Pixels]:
    height, width = reference.shape[:2]
    below, right = max(0, window - height), max(0, window - width)
    if not below and not right:
        return reference, image
    padding = ((0, below), (0, right), (0, 0))
    return np.pad(reference, padding, mode="edge"), np.pad(image, padding, mode="edge")
