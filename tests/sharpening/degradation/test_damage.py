"""A damage is a value: its steps in the order of a call, and always the same pixels."""

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from pydantic import ValidationError

from sharpening.degradation import Damage
from sharpening.degradation.blur import DefocusBlur, GaussianBlur, MotionBlur
from sharpening.degradation.compression import H264, Jpeg
from sharpening.degradation.damage import Noise
from sharpening.errors import ImageError

Pixels = npt.NDArray[np.uint8]

EVERYTHING = Damage(
    blur=GaussianBlur(sigma_px=1),
    factor=1.7,
    shrink="bilinear",
    noise=Noise(sigma_levels=3, seed=5),
    compression=Jpeg(quality=50),
    enlarge="lanczos",
)

EVERY_SIZE = [(1, 1), (1, 9), (2, 1), (3, 3), (17, 33), (64, 1)]


def test_nothing_happens_by_default(photograph: Pixels) -> None:
    np.testing.assert_array_equal(Damage().apply(photograph), photograph)


def test_steps_come_in_the_order_of_a_call(photograph: Pixels) -> None:
    sharp = photograph[:90, :120]
    soft = GaussianBlur(sigma_px=1).apply(sharp)
    small = Image.fromarray(soft).resize((71, 53), Image.Resampling.BILINEAR)
    noisy = Noise(sigma_levels=3, seed=5).apply(np.asarray(small))
    saved = Image.fromarray(Jpeg(quality=50).apply(noisy))
    expected = np.asarray(saved.resize((120, 90), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(EVERYTHING.apply(sharp), expected)


@pytest.mark.parametrize("size", EVERY_SIZE)
@pytest.mark.parametrize(
    "damage",
    [EVERYTHING, Damage(factor=3, compression=H264(rate_factor=30, frames=2))],
    ids=["everything", "video"],
)
def test_every_size_is_kept(size: tuple[int, int], damage: Damage) -> None:
    sharp = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    damaged = damage.apply(sharp)
    assert damaged.shape == sharp.shape
    assert damaged.dtype == np.uint8


def test_noise_is_as_strong_as_it_says_and_decided_by_its_seed() -> None:
    even = np.full((200, 200, 3), 128, np.uint8)
    noisy, again, other = (
        Noise(sigma_levels=4, seed=seed).apply(even).astype(float) for seed in (1, 1, 2)
    )
    assert noisy.std() == pytest.approx(4, rel=0.02)
    assert noisy.mean() == pytest.approx(128, abs=0.1)
    assert np.array_equal(noisy, again)
    assert not np.array_equal(noisy, other)
    assert abs(np.corrcoef(noisy[..., 0].ravel(), noisy[..., 1].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize(
    "damage",
    [
        Damage(blur=GaussianBlur(sigma_px=1.2)),
        Damage(blur=DefocusBlur(radius_px=2)),
        Damage(blur=MotionBlur(length_px=5, angle_degrees=70)),
        Damage(factor=2.5),
        Damage(compression=Jpeg(quality=40)),
    ],
    ids=Damage.describe,
)
def test_grey_stays_grey(damage: Damage, photograph: Pixels) -> None:
    grey = np.repeat(photograph[:80, :80, 1:2], 3, axis=2)
    damaged = damage.apply(grey)
    assert np.ptp(damaged, axis=2).max() == 0
    assert not np.array_equal(damaged, grey)


def test_a_turned_view_that_cannot_be_written_to_is_taken_as_it_is(photograph: Pixels) -> None:
    turned = np.rot90(photograph[:40, :60])[:, ::-1]
    turned.flags.writeable = False
    for damage in (EVERYTHING, Damage(), Damage(compression=Jpeg(quality=40))):
        np.testing.assert_array_equal(damage.apply(turned), damage.apply(turned.copy()))


def test_other_arrays_are_refused() -> None:
    with pytest.raises(ImageError, match="8-bit RGB"):
        Damage().apply(np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize(
    "description",
    [
        '{"factor": 0.5}',
        '{"shrink": "nearest"}',
        '{"blur": {"kind": "box"}}',
        '{"blur": {"kind": "gaussian", "sigma_px": 0}}',
        '{"compression": {"codec": "jpeg", "quality": 101}}',
        '{"compression": {"codec": "h264", "rate_factor": 52}}',
    ],
)
def test_unknown_or_impossible_description_is_refused(description: str) -> None:
    with pytest.raises(ValidationError):
        Damage.model_validate_json(description)


def test_it_says_what_happened() -> None:
    assert Damage().describe() == "nothing"
    assert EVERYTHING.describe() == (
        "Gaussian of 1 px, 1.7x smaller (bilinear, lanczos), noise of 3 levels, JPEG 50 4:2:0"
    )
    video = Damage(compression=H264(rate_factor=33, frames=1))
    assert video.describe() == "H.264 at rate factor 33, one frame"
