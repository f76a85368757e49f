"""The self-ensemble: the mean of eight answers, all of them on the degradation's grid."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from sharpening.engine import Engine
from sharpening.ensemble import SelfEnsemble
from sharpening.networks import Network
from sharpening.runtimes.torch import TorchRuntime

Pixels = npt.NDArray[np.uint8]

TURNS: list[Callable[[Pixels], Pixels]] = [
    *(lambda pixels, k=k: np.rot90(pixels, k) for k in range(4)),
    *(lambda pixels, k=k: np.rot90(np.fliplr(pixels), k) for k in range(4)),
]


class MeanOfCells:
    """Gives every 2x2 cell its mean: the same wherever the picture is turned, if the grid is."""

    def sharpen(self, blurred: Pixels) -> Pixels:
        height, width = blurred.shape[:2]
        cells = blurred.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
        return np.rint(cells).astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)


class Recorder:
    """Answers the first picture with one level more and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Pixels] = []

    def sharpen(self, blurred: Pixels) -> Pixels:
        self.asked.append(blurred)
        return blurred + np.uint8(len(self.asked) == 1)


@pytest.fixture
def picture() -> Pixels:
    return np.random.default_rng(0).integers(0, 250, (6, 10, 3), dtype=np.uint8)


def test_the_sharpener_sees_each_position_once(picture: Pixels) -> None:
    recorder = Recorder()
    SelfEnsemble(recorder).sharpen(picture)
    expected = {(turned.shape, turned.tobytes()) for turned in (turn(picture) for turn in TURNS)}
    assert len(recorder.asked) == 8
    assert {(asked.shape, asked.tobytes()) for asked in recorder.asked} == expected


@pytest.mark.parametrize(("louder", "level"), [(3, 100), (4, 100), (5, 101), (12, 102)])
def test_the_mean_is_rounded_half_to_even(louder: int, level: int) -> None:
    class Louder:
        left = louder

        def sharpen(self, blurred: Pixels) -> Pixels:
            added, self.left = min(self.left, 2), self.left - min(self.left, 2)
            return blurred + np.uint8(added)

    grey = np.full((2, 4, 3), 100, np.uint8)
    np.testing.assert_array_equal(SelfEnsemble(Louder()).sharpen(grey), np.full_like(grey, level))


@pytest.mark.parametrize(("height", "width"), [(6, 10), (7, 10), (6, 9), (7, 9), (1, 1), (1, 4)])
def test_every_position_keeps_the_grid(height: int, width: int) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="reflect")
    expected = MeanOfCells().sharpen(even)[:height, :width]
    np.testing.assert_array_equal(SelfEnsemble(MeanOfCells()).sharpen(picture), expected)


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_picture_gets_the_turned_answer(
    turn: Callable[[Pixels], Pixels], random_network: Callable[..., Network], photograph: Pixels
) -> None:
    blurred = photograph[100:130, 100:144]
    ensemble = SelfEnsemble(Engine(TorchRuntime(random_network("student"), "cpu")))
    answer = ensemble.sharpen(blurred)
    np.testing.assert_array_equal(ensemble.sharpen(turn(blurred)), turn(answer))
    assert not np.array_equal(answer, ensemble.sharpener.sharpen(blurred))


def test_sixteen_bits_stay_exact() -> None:
    class Untouched:
        def sharpen(self, blurred: Pixels) -> Pixels:
            return blurred

    picture = np.random.default_rng(2).integers(0, 65536, (4, 6, 3), dtype=np.uint16)
    answer = SelfEnsemble(Untouched()).sharpen(picture)
    assert answer.dtype == np.uint16
    np.testing.assert_array_equal(answer, picture)
