"""The paper's degradation is Pillow's own output, of the same size, and described by data."""

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFilter
from pydantic import ValidationError

from sharpening.degradation import PaperDegradation
from sharpening.errors import ImageError

BORDER_PX = 16
"""How far from its border a patch feels that it was cut out before the blur (measured: 15)."""

Pixels = npt.NDArray[np.uint8]


def degrade_with_pillow(patch: Pixels) -> Pixels:
    """The paper's pipeline in Pillow's own calls."""
    image = Image.fromarray(patch)
    image = image.resize((128, 128), Image.Resampling.BICUBIC)
    image = image.filter(ImageFilter.GaussianBlur(radius=1.5))
    image = image.resize((256, 256), Image.Resampling.BICUBIC)
    return np.asarray(image)


def test_patch_of_256_px_equals_pillow_bit_for_bit(photograph: Pixels) -> None:
    patch = photograph[20:276, 100:356]
    np.testing.assert_array_equal(PaperDegradation().apply(patch), degrade_with_pillow(patch))


def test_noise_equals_pillow_bit_for_bit() -> None:
    patch = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    np.testing.assert_array_equal(PaperDegradation().apply(patch), degrade_with_pillow(patch))


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 9), (2, 1), (2, 3), (3, 3), (17, 33), (64, 1), (255, 257)]
)
def test_every_size_is_kept(size: tuple[int, int]) -> None:
    sharp = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    blurred = PaperDegradation().apply(sharp)
    assert blurred.shape == sharp.shape
    assert blurred.dtype == np.uint8


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (17, 33)])
def test_flat_picture_stays_as_it_is(size: tuple[int, int]) -> None:
    sharp = np.full((*size, 3), (10, 128, 250), np.uint8)
    np.testing.assert_array_equal(PaperDegradation().apply(sharp), sharp)


@pytest.mark.parametrize(("top", "left"), [(0, 0), (2, 40), (44, 194)])
def test_crop_of_whole_picture_equals_patch_but_near_its_border(
    top: int, left: int, photograph: Pixels
) -> None:
    sharp = photograph[:300, :450]  # even sides: one grid of halves for picture and patch
    corner = slice(top, top + 256), slice(left, left + 256)
    whole = PaperDegradation().apply(sharp)[corner]
    patch = PaperDegradation().apply(sharp[corner])
    inside = slice(BORDER_PX, -BORDER_PX)
    np.testing.assert_array_equal(whole[inside, inside], patch[inside, inside])
    assert not np.array_equal(whole, patch)


def test_array_that_cannot_be_written_to_is_left_alone(photograph: Pixels) -> None:
    sharp = photograph[:64, :64].copy()
    sharp.flags.writeable = False
    np.testing.assert_array_equal(
        PaperDegradation().apply(sharp), PaperDegradation().apply(photograph[:64, :64])
    )


def test_generator_changes_nothing(photograph: Pixels) -> None:
    sharp = photograph[:32, :32]
    with_generator = PaperDegradation().apply(sharp, np.random.default_rng(1))
    np.testing.assert_array_equal(with_generator, PaperDegradation().apply(sharp))


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.uint16)],
    ids=["grey", "alpha", "16 bits"],
)
def test_other_arrays_are_refused(pixels: npt.NDArray[np.uint8]) -> None:
    with pytest.raises(ImageError, match="8-bit RGB"):
        PaperDegradation().apply(pixels)


@pytest.mark.parametrize(
    "description",
    [
        '{"sigma": 1}',
        '{"factor": 3}',
        '{"resample": "nearest"}',
        '{"blur_radius_px": -1}',
        '{"profile": "call"}',
    ],
)
def test_unknown_or_impossible_description_is_refused(description: str) -> None:
    with pytest.raises(ValidationError):
        PaperDegradation.model_validate_json(description)
