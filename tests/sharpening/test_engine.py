"""Tiled equals whole, strength is linear, memory is bounded, and what does not fit is refused."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import maximum_filter

from sharpening.engine import Engine
from sharpening.errors import ImageError, ParameterError
from sharpening.networks import Network
from sharpening.runtimes import Runtime
from sharpening.runtimes.torch import TorchRuntime

Pixels = npt.NDArray[Any]
Build = Callable[..., Network]

DTYPES = [np.uint8, np.uint16]


@dataclass(frozen=True)
class LocalMaximum:
    """A runtime whose reach is exact and whose arithmetic is too; keeps the shapes it was given."""

    reach_px: int = 5
    declared_px: int = 5
    multiple_of: int = 4
    name: str = "local maximum"
    device: str = "cpu"
    precision: str = "float32"
    tile_px: int = 512
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    @property
    def receptive_field_px(self) -> int:
        return self.declared_px

    def run(self, batch: Pixels) -> Pixels:
        self.shapes.append(batch.shape)
        assert batch.shape[1] % self.multiple_of == batch.shape[2] % self.multiple_of == 0
        side = 2 * self.reach_px + 1
        filtered: Pixels = maximum_filter(batch, size=(1, side, side, 1), mode="constant")
        return filtered


@dataclass(frozen=True)
class Understated:
    """A runtime that declares no reach at all."""

    runtime: Runtime
    name: str = "understated"
    device: str = "cpu"
    precision: str = "float32"
    tile_px: int = 512
    receptive_field_px: int = 0

    @property
    def multiple_of(self) -> int:
        return self.runtime.multiple_of

    def run(self, batch: Pixels) -> Pixels:
        return self.runtime.run(batch)


def make_picture(height: int, width: int, dtype: Any = np.uint8) -> Pixels:
    """Return smooth colours under noise, with room to either side."""
    generator = np.random.default_rng(height * 1000 + width)
    rows, columns = np.mgrid[:height, :width]
    wave = 0.5 + 0.2 * np.sin(rows / 9)[..., np.newaxis] * np.cos(columns / 7)[..., np.newaxis]
    values = wave + generator.uniform(-0.1, 0.1, (height, width, 3))
    return np.asarray(np.rint(values * np.iinfo(dtype).max).astype(dtype))


def greatest_difference(one: Pixels, other: Pixels) -> int:
    return int(np.abs(one.astype(np.int64) - other.astype(np.int64)).max())


STUDENT_TILE_PX = 40

STUDENT_SIZES = [
    (1, 1),
    (2, 3),
    (17, 33),
    (39, 41),
    (40, 40),
    (41, 39),
    (40, 79),
    (67, 1),
    (95, 82),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", STUDENT_SIZES)
def test_student_tiled_equals_whole_within_a_level(
    size: tuple[int, int], dtype: Any, random_network: Build
) -> None:
    runtime = TorchRuntime(random_network("student"), "cpu")
    picture = make_picture(*size, dtype)
    whole = Engine(runtime, tile_px=4096).sharpen(picture)
    tiled = Engine(runtime, tile_px=STUDENT_TILE_PX).sharpen(picture)
    assert tiled.shape == picture.shape
    assert tiled.dtype == dtype
    assert greatest_difference(tiled, whole) <= 1
    assert greatest_difference(tiled, picture) > 1


TEACHER_TILE_PX = 136

TEACHER_SIZES = [(1, 1), (2, 3), (17, 33), (135, 137), (136, 136), (137, 40), (203, 155)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", TEACHER_SIZES)
def test_teacher_tiled_equals_whole_within_a_level(
    size: tuple[int, int], dtype: Any, random_network: Build, small_teacher: dict[str, Any]
) -> None:
    runtime = TorchRuntime(random_network("teacher", small_teacher), "cpu")
    picture = make_picture(*size, dtype)
    whole = Engine(runtime, tile_px=4096).sharpen(picture)
    tiled = Engine(runtime, tile_px=TEACHER_TILE_PX).sharpen(picture)
    assert tiled.shape == picture.shape
    assert greatest_difference(tiled, whole) <= 1


@pytest.mark.parametrize("architecture", ["student", "teacher"])
def test_networks_under_test_do_use_their_reach(
    architecture: str, random_network: Build, small_teacher: dict[str, Any]
) -> None:
    config = small_teacher if architecture == "teacher" else {}
    runtime = TorchRuntime(random_network(architecture, config), "cpu")
    picture = make_picture(203, 155)
    whole = Engine(runtime, tile_px=4096).sharpen(picture)
    seams = Engine(Understated(runtime), tile_px=40).sharpen(picture)
    assert greatest_difference(seams, whole) > 5


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (28, 28), (29, 27), (64, 101), (200, 31)])
@pytest.mark.parametrize("tile_px", [20, 28, 64])
def test_tiled_equals_whole_exactly_where_arithmetic_is_exact(
    size: tuple[int, int], tile_px: int
) -> None:
    picture = make_picture(*size)
    whole = Engine(LocalMaximum(), tile_px=4096).sharpen(picture)
    np.testing.assert_array_equal(Engine(LocalMaximum(), tile_px=tile_px).sharpen(picture), whole)


def test_big_picture_is_given_in_tiles_of_one_bounded_shape() -> None:
    runtime = LocalMaximum()
    engine = Engine(runtime, tile_px=128)
    engine.sharpen(make_picture(901, 1203))
    assert len(runtime.shapes) > 50
    ((_, height, width, _),) = set(runtime.shapes)
    assert 64 < height <= 128
    assert 64 < width <= 128


def test_long_thin_picture_is_bounded_too() -> None:
    runtime = LocalMaximum()
    Engine(runtime, tile_px=128).sharpen(make_picture(3, 5001))
    ((_, height, width, _),) = set(runtime.shapes)
    assert height == 4
    assert 64 < width <= 128


def test_whoever_is_asked_before_each_tile_can_stop_the_work() -> None:
    runtime = LocalMaximum()
    asked = iter([None, None, LookupError("enough")])

    def ask() -> None:
        answer = next(asked)
        if answer is not None:
            raise answer

    with pytest.raises(LookupError, match="enough"):
        Engine(runtime, tile_px=128).sharpen(make_picture(901, 1203), before_tile=ask)

    assert len(runtime.shapes) == 2


def test_default_tile_has_room_for_many_halos() -> None:
    assert Engine(LocalMaximum()).tile_px == 512
    wide = Engine(LocalMaximum(declared_px=195, multiple_of=8))
    assert (wide.halo_px, wide.tile_px) == (200, 1200)
    wider = Engine(LocalMaximum(declared_px=395, multiple_of=8))
    assert (wider.halo_px, wider.tile_px) == (400, 2400)


def test_tile_and_halo_are_rounded_up_to_the_grid() -> None:
    engine = Engine(LocalMaximum(declared_px=5, multiple_of=4), tile_px=30)
    assert (engine.halo_px, engine.tile_px) == (8, 32)


class TestStrength:
    @pytest.fixture
    def engine(self, random_network: Build) -> Engine:
        return Engine(TorchRuntime(random_network("student"), "cpu"), tile_px=64)

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_0_returns_the_pictures_own_pixels(self, dtype: Any, engine: Engine) -> None:
        picture = make_picture(33, 70, dtype)
        result = engine.sharpen(picture, strength=0)
        np.testing.assert_array_equal(result, picture)
        assert not np.shares_memory(result, picture)

    def test_1_returns_the_networks_pixels(self, engine: Engine) -> None:
        picture = make_picture(32, 64)
        expected = engine.runtime.run(picture[np.newaxis])[0]
        np.testing.assert_array_equal(engine.sharpen(picture, strength=1), expected)
        np.testing.assert_array_equal(engine.sharpen(picture), expected)

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("strength", [0.25, 0.5, 1.5, 2.0])
    def test_others_are_linear_rounded_and_clamped(
        self, strength: float, dtype: Any, engine: Engine
    ) -> None:
        picture = make_picture(33, 70, dtype)
        start = picture.astype(np.float64)
        full = engine.sharpen(picture).astype(np.float64)
        expected = np.clip(start + strength * (full - start), 0, np.iinfo(dtype).max)
        result = engine.sharpen(picture, strength=strength)
        assert result.dtype == dtype
        assert np.abs(result - expected).max() <= 0.51

    @pytest.mark.parametrize("strength", [-0.01, 2.01, float("nan"), float("inf")])
    def test_outside_0_to_2_is_refused(self, strength: float, engine: Engine) -> None:
        with pytest.raises(ParameterError, match=f"strength is {strength}; expected 0 to 2"):
            engine.sharpen(make_picture(4, 4), strength=strength)


class TestInput:
    @pytest.mark.parametrize(
        "picture",
        [
            np.zeros((4, 4), np.uint8),
            np.zeros((4, 4, 4), np.uint8),
            np.zeros((1, 4, 4, 3), np.uint8),
            np.zeros((4, 4, 3), np.float32),
            np.zeros((4, 4, 3), np.int16),
            np.zeros((0, 4, 3), np.uint8),
        ],
        ids=["grey", "alpha", "batch", "float", "signed", "empty"],
    )
    def test_other_arrays_are_refused(self, picture: Pixels) -> None:
        with pytest.raises(ImageError, match=r"expected an \(H, W, 3\) picture"):
            Engine(LocalMaximum()).sharpen(picture)

    def test_tile_that_would_be_all_halo_is_refused(self) -> None:
        with pytest.raises(ValueError, match="tile_px is 16; this network needs more than 16"):
            Engine(LocalMaximum(), tile_px=16)

    @pytest.mark.parametrize("layout", ["read-only", "flipped", "transposed"])
    def test_arrays_in_any_memory_layout_give_the_same(
        self, layout: str, random_network: Build
    ) -> None:
        engine = Engine(TorchRuntime(random_network("student"), "cpu"))
        picture = make_picture(32, 48)
        expected = engine.sharpen(picture)
        other = {
            "read-only": picture.copy(),
            "flipped": picture[:, ::-1].copy()[:, ::-1],
            "transposed": picture.transpose(1, 0, 2).copy().transpose(1, 0, 2),
        }[layout]
        other.flags.writeable = layout != "read-only"
        np.testing.assert_array_equal(engine.sharpen(other), expected)

    def test_picture_is_left_as_it_was(self, random_network: Build) -> None:
        picture = make_picture(33, 47)
        before = picture.copy()
        engine = Engine(TorchRuntime(random_network("student"), "cpu"))
        for strength in (0.0, 0.5, 1.0, 2.0):
            engine.sharpen(picture, strength=strength)[:] = 0
        np.testing.assert_array_equal(picture, before)

    def test_engine_keeps_nothing_of_a_request(self) -> None:
        engine = Engine(LocalMaximum())
        before = dict(vars(engine))
        engine.sharpen(make_picture(9, 9))
        assert vars(engine) == before
