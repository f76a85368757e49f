"""Blurs are what optics says of them, to a fraction of a pixel, and shift nothing."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from sharpening.degradation.blur import (
    Blur,
    DefocusBlur,
    GaussianBlur,
    MotionBlur,
    draw_disc,
    draw_line,
)

Pixels = npt.NDArray[np.uint8]

EVERY_BLUR: list[Blur] = [
    GaussianBlur(sigma_px=1.3),
    DefocusBlur(radius_px=2.2),
    MotionBlur(length_px=5.5, angle_degrees=40),
]


def find_moments(kernel: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], np.ndarray]:
    """Return the mean place (right, up) and the covariance of a kernel."""
    reach = kernel.shape[0] // 2
    up, right = np.mgrid[reach : -reach - 1 : -1, -reach : reach + 1]
    places = np.stack([right.ravel(), up.ravel()]).astype(np.float64)
    return places @ kernel.ravel(), np.cov(places, aweights=kernel.ravel(), ddof=0)


@pytest.mark.parametrize("sigma_px", [1.2, 1.7, 2.5])
def test_an_edge_under_a_gaussian_is_its_integral(sigma_px: float) -> None:
    edge = np.zeros((9, 60, 3), np.uint8)
    edge[:, 30:] = 200
    blurred = GaussianBlur(sigma_px=sigma_px).apply(edge)
    places = np.arange(60) - 29.5
    expected = [100 * (1 + math.erf(place / sigma_px / math.sqrt(2))) for place in places]
    assert np.abs(blurred[4, :, 0] - expected).max() <= 2


@pytest.mark.parametrize("radius_px", [0.3, 0.5, 0.9, 2.5, 3.5])
def test_a_disc_is_even_and_as_wide_as_it_says(radius_px: float) -> None:
    kernel = draw_disc(radius_px)
    mean, covariance = find_moments(kernel)
    assert kernel.sum() == pytest.approx(1)
    assert np.array_equal(kernel, np.rot90(kernel))
    assert mean == pytest.approx([0, 0], abs=1e-9)
    if radius_px > 2:
        pixel = 1 / 12  # a pixel is as wide as that itself
        assert covariance.diagonal() == pytest.approx([radius_px**2 / 4 + pixel] * 2, rel=0.1)
        middle = kernel.shape[0] // 2
        assert kernel[middle, middle] == pytest.approx(1 / (math.pi * radius_px**2), rel=0.01)


@pytest.mark.parametrize("angle_degrees", [0, 30, 90, 135])
@pytest.mark.parametrize("length_px", [3.3, 8])
def test_a_line_is_as_long_and_as_steep_as_it_says(length_px: float, angle_degrees: float) -> None:
    kernel = draw_line(length_px, angle_degrees)
    mean, covariance = find_moments(kernel)
    angle = math.radians(angle_degrees)
    assert kernel.sum() == pytest.approx(1)
    assert mean == pytest.approx([0, 0], abs=1e-9)
    along = length_px**2 / 12
    assert covariance[0, 1] == pytest.approx(along * math.cos(angle) * math.sin(angle), abs=0.02)
    spread = covariance.trace()
    assert along <= spread + 1e-9
    assert spread <= along + 0.5  # at most what four neighbours add


def test_a_level_line_stays_in_its_row() -> None:
    assert draw_line(4, 0)[4 // 2].sum() == pytest.approx(1)


@pytest.mark.parametrize("blur", EVERY_BLUR, ids=lambda blur: blur.kind)
def test_every_blur_takes_detail_away_and_keeps_the_light(blur: Blur, photograph: Pixels) -> None:
    sharp = photograph[100:200, 100:230]
    blurred = blur.apply(sharp)
    assert blurred.shape == sharp.shape
    assert blurred.dtype == np.uint8
    assert (
        np.abs(np.diff(blurred.astype(int), axis=1)).mean()
        < 0.8 * np.abs(np.diff(sharp.astype(int), axis=1)).mean()
    )
    assert blurred.mean() == pytest.approx(sharp.mean(), abs=0.7)


@pytest.mark.parametrize("blur", EVERY_BLUR, ids=lambda blur: blur.kind)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (17, 33)])
def test_an_even_picture_of_any_size_stays_as_it_is(blur: Blur, size: tuple[int, int]) -> None:
    even = np.full((*size, 3), (0, 128, 255), np.uint8)
    np.testing.assert_array_equal(blur.apply(even), even)
