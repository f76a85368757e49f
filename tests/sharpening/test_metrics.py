"""The metrics equal scikit-image's, and say so where they cannot be computed."""

import math
import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from sharpening import metrics
from sharpening.errors import ImageError, SizeMismatchError
from sharpening.metrics import DEFINITIONS, Score, score

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(params=["noise", "blur", "shift"])
def pair(request: pytest.FixtureRequest, photograph: Pixels) -> tuple[Pixels, Pixels]:
    reference = photograph[:120, :91]
    if request.param == "shift":
        return reference, photograph[1:121, 2:93]
    if request.param == "blur":
        return reference, (reference // 16 * 16).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0, 12, reference.shape)
    return reference, np.clip(np.rint(reference + noise), 0, 255).astype(np.uint8)


def test_psnr_equals_scikit_image(pair: tuple[Pixels, Pixels]) -> None:
    expected = peak_signal_noise_ratio(*pair, data_range=255)
    assert metrics.psnr(*pair) == pytest.approx(expected, abs=1e-9)


def test_ssim_equals_scikit_image_default(pair: tuple[Pixels, Pixels]) -> None:
    expected = structural_similarity(*pair, data_range=255, channel_axis=2)
    assert metrics.ssim(*pair) == pytest.approx(expected, abs=1e-9)


def test_gaussian_ssim_equals_scikit_image_with_wangs_window(pair: tuple[Pixels, Pixels]) -> None:
    expected = structural_similarity(
        *pair,
        data_range=255,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert metrics.ssim_gaussian(*pair) == pytest.approx(expected, abs=1e-9)
    assert metrics.ssim_gaussian(*pair) != pytest.approx(metrics.ssim(*pair), abs=1e-4)


def test_psnr_y_equals_a_value_computed_by_hand() -> None:
    reference = np.array([[[255, 255, 255], [0, 0, 0]]], np.uint8)
    image = np.array([[[255, 255, 255], [100, 0, 0]]], np.uint8)
    # luma moves by 65.481 * 100 / 255 in one px of two
    error = (65.481 * 100 / 255) ** 2 / 2
    assert metrics.psnr_y(reference, image) == pytest.approx(10 * math.log10(255**2 / error))


def test_score_gathers_every_metric_that_has_a_definition(pair: tuple[Pixels, Pixels]) -> None:
    result = score(*pair)
    assert result == Score(
        psnr=metrics.psnr(*pair),
        ssim=metrics.ssim(*pair),
        ssim_gaussian=metrics.ssim_gaussian(*pair),
        psnr_y=metrics.psnr_y(*pair),
        identical=False,
    )
    assert set(DEFINITIONS) == set(Score.model_fields) - {"identical"}


def test_identical_pictures_have_no_psnr_but_a_flag(photograph: Pixels) -> None:
    result = score(photograph[:20, :20], photograph[:20, :20].copy())
    assert (result.psnr, result.psnr_y, result.identical) == (None, None, True)
    assert result.ssim == result.ssim_gaussian == 1
    assert '"psnr":null' in result.model_dump_json()


def test_one_level_in_one_px_is_not_identical(photograph: Pixels) -> None:
    image = photograph[:20, :20].copy()
    image[3, 4, 1] ^= 1
    result = score(photograph[:20, :20], image)
    assert not result.identical
    assert result.psnr == pytest.approx(10 * math.log10(255**2 * 1200))


@pytest.mark.parametrize(
    "size",
    [
        (11, 11),
        (12, 400),
        (300, 11),
        (29, 197),
        (30, 198),
        (31, 199),
        (33, 203),
        (61, 227),
        (97, 13),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["random", "dark", "bright", "extreme"])
def test_every_size_and_tone_equals_scikit_image(size: tuple[int, int], kind: str) -> None:
    """Sizes lie round those at which tiles and their steps begin and end."""
    generator = np.random.default_rng([*size])
    low, high = {"random": (0, 256), "dark": (0, 3), "bright": (253, 256), "extreme": (0, 2)}[kind]
    reference, image = generator.integers(low, high, (2, *size, 3), np.uint8)
    if kind == "extreme":
        reference, image = 255 * reference, 255 * image

    result = score(reference, image)

    shared = {"data_range": 255, "channel_axis": 2}
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    uniform = structural_similarity(reference, image, **shared)
    gaussian = structural_similarity(reference, image, **shared, **wang)
    assert result.ssim == pytest.approx(uniform, abs=1e-9)
    assert result.ssim_gaussian == pytest.approx(gaussian, abs=1e-9)
    assert result.psnr == pytest.approx(peak_signal_noise_ratio(reference, image), abs=1e-9)
    luma = [pair.astype(float) @ [65.481, 128.553, 24.966] / 255 for pair in (reference, image)]
    assert result.psnr_y == pytest.approx(peak_signal_noise_ratio(*luma, data_range=255), abs=1e-9)


def test_memory_does_not_grow_with_the_picture() -> None:
    reference = np.zeros((700, 1900, 3), np.uint8)
    tracemalloc.start()
    score(reference, reference)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * reference.size


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (2, 3), (6, 7), (10, 11), (11, 10)])
def test_tiny_pictures_are_compared_too(size: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    reference = generator.integers(0, 256, (*size, 3), np.uint8)
    result = score(reference, 255 - reference)
    assert -1 <= result.ssim < 1
    assert -1 <= result.ssim_gaussian < 1
    assert score(reference, reference).ssim == 1


def test_different_sizes_are_refused_with_both_sizes(photograph: Pixels) -> None:
    with pytest.raises(SizeMismatchError, match="30x20 and the image 20x30"):
        score(photograph[:20, :30], photograph[:30, :20])


@pytest.mark.parametrize(
    "image",
    [np.zeros((8, 8, 3), np.uint16), np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8)],
    ids=["16 bits", "grey", "alpha"],
)
def test_other_arrays_are_refused_by_name(image: Pixels) -> None:
    sound = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ImageError, match="the image is"):
        score(sound, image)
    with pytest.raises(ImageError, match="the reference is"):
        score(image, sound)
