"""The profile `call` draws within its ranges, from the generator alone, and often nothing."""

from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import TypeAdapter, ValidationError

from sharpening.degradation import PROFILES, CallDegradation, Damage, Degradation
from sharpening.degradation.blur import DefocusBlur, GaussianBlur, MotionBlur
from sharpening.degradation.compression import H264, Jpeg
from sharpening.errors import ImageError

Pixels = npt.NDArray[np.uint8]

CALL = CallDegradation()
DRAWS = 3000


@pytest.fixture(scope="module")
def drawn() -> list[Damage]:
    generator = np.random.default_rng(0)
    return [CALL.draw(generator) for _ in range(DRAWS)]


def test_one_state_of_the_generator_gives_one_damage(photograph: Pixels) -> None:
    sharp = photograph[:48, :64]
    results = [CALL.apply(sharp, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_what_is_applied_is_what_is_drawn(photograph: Pixels) -> None:
    sharp = photograph[:48, :64]
    for seed in range(6):
        damage = CALL.draw(np.random.default_rng(seed))
        applied = CALL.apply(sharp, np.random.default_rng(seed))
        np.testing.assert_array_equal(applied, damage.apply(sharp))


def test_without_a_generator_it_is_the_typical_damage(photograph: Pixels) -> None:
    sharp = photograph[:48, :64]
    np.testing.assert_array_equal(CALL.apply(sharp), CALL.typical.apply(sharp))
    other = CallDegradation(typical=Damage(factor=3))
    np.testing.assert_array_equal(other.apply(sharp), Damage(factor=3).apply(sharp))
    assert not isinstance(CALL.typical.compression, H264)  # the service need not have PyAV


def test_a_share_stays_untouched(drawn: list[Damage], photograph: Pixels) -> None:
    untouched = sum(damage == Damage() for damage in drawn) / DRAWS
    assert untouched == pytest.approx(CALL.untouched_share, abs=0.03)
    always = CallDegradation(untouched_share=1)
    np.testing.assert_array_equal(always.apply(photograph, np.random.default_rng(1)), photograph)


def test_every_kind_is_drawn(drawn: list[Damage]) -> None:
    blurs = Counter(type(damage.blur) for damage in drawn)
    codecs = Counter(type(damage.compression) for damage in drawn)
    assert set(blurs) == {type(None), GaussianBlur, DefocusBlur, MotionBlur}
    assert set(codecs) == {type(None), Jpeg, H264}
    assert min(*blurs.values(), *codecs.values()) > DRAWS / 20
    for name in ("shrink", "enlarge"):
        filters = Counter(getattr(damage, name) for damage in drawn)
        assert set(filters) == set(getattr(CALL, f"{name}_filters"))
    assert any(damage.noise for damage in drawn)
    assert len({damage.noise.seed for damage in drawn if damage.noise}) > DRAWS / 5


def test_values_fill_their_ranges_and_are_mostly_mild(drawn: list[Damage]) -> None:
    values: dict[str, list[float]] = {
        "factor": [damage.factor for damage in drawn if damage.factor > 1],
        "gaussian_sigma_px": [
            damage.blur.sigma_px for damage in drawn if isinstance(damage.blur, GaussianBlur)
        ],
        "noise_sigma_levels": [damage.noise.sigma_levels for damage in drawn if damage.noise],
        "jpeg_coarseness": [
            100 - damage.compression.quality
            for damage in drawn
            if isinstance(damage.compression, Jpeg)
        ],
        "h264_rate_factor": [
            damage.compression.rate_factor
            for damage in drawn
            if isinstance(damage.compression, H264)
        ],
    }
    for name, found in values.items():
        mild, bad = getattr(CALL, name)
        width = bad - mild
        assert mild <= min(found) < mild + 0.1 * width, name
        assert bad - 0.1 * width < max(found) <= bad, name
        assert np.median(found) < mild + 0.42 * width, name


def test_profiles_are_told_apart_by_their_name() -> None:
    adapter: TypeAdapter[Degradation] = TypeAdapter(Degradation)
    for name, degradation in PROFILES.items():
        assert degradation.profile == name
        assert adapter.validate_json(degradation.model_dump_json()) == degradation
    with pytest.raises(ValidationError, match="profile"):
        adapter.validate_json('{"profile": "other"}')


def test_profiles_can_be_told_apart_by_what_they_are() -> None:
    assert len({*PROFILES.values(), CallDegradation()}) == 2
    assert PROFILES["call"].is_random
    assert PROFILES["call"].keeps_sharp
    assert not PROFILES["paper"].is_random
    assert not PROFILES["paper"].keeps_sharp


@pytest.mark.parametrize(
    "description",
    [
        '{"factor": [3, 1]}',
        '{"untouched_share": 1.5}',
        '{"blurs": []}',
        '{"blurs": ["box"]}',
        '{"colour": 1}',
        '{"profile": "paper"}',
    ],
)
def test_unknown_or_impossible_description_is_refused(description: str) -> None:
    with pytest.raises(ValidationError):
        CallDegradation.model_validate_json(description)


def test_other_arrays_are_refused() -> None:
    with pytest.raises(ImageError, match="8-bit RGB"):
        CALL.apply(np.zeros((4, 4, 3), np.uint16), np.random.default_rng(0))
