"""What the tables of live frames count: age, drops, and changes from frame to frame."""

import numpy as np
import pytest

from benchmarks.stream import Tally, make_film, measure_flicker


class Doubled:
    """Moves every level twice as far from the middle."""

    def sharpen(self, blurred: np.ndarray) -> np.ndarray:
        return (2 * (blurred.astype(int) - 128) + 128).clip(0, 255).astype(np.uint8)


class Same:
    def sharpen(self, blurred: np.ndarray) -> np.ndarray:
        return blurred


@pytest.fixture
def frames() -> list[np.ndarray]:
    """Six frames of grey that goes up and down by three levels."""
    return [np.full((16, 16, 3), 128 + 3 * (number % 2), np.uint8) for number in range(6)]


def test_flicker_is_the_mean_change_from_frame_to_frame(frames: list[np.ndarray]) -> None:
    assert measure_flicker(frames, Same()) == (3, 3)
    assert measure_flicker(frames, Doubled()) == (3, 6)


def test_a_still_scene_changes_by_its_noise_alone_and_always_the_same() -> None:
    scene = np.kron(np.eye(4, dtype=np.uint8)[..., None] * 90 + 60, np.ones((16, 16, 3), np.uint8))

    film = make_film(scene, 4)

    assert len(film) == 4
    assert np.abs(np.mean(film, axis=0) - scene).mean() < 4
    assert 0 < measure_flicker(film, Same())[0] < 4
    np.testing.assert_array_equal(film, make_film(scene, 4))


def test_the_row_has_the_percentiles_of_what_came_and_how_much_did_not() -> None:
    tally = Tally(sent=8)
    tally.latencies_s = [0.1, 0.1, 0.1, 0.5]
    tally.dropped.update(["newer", "newer", "newer", "busy"])
    tally.spans_ms.update({"wait": 4.0, "decode": 8.0, "model": 40.0, "encode": 2.0})

    cells = [cell.strip() for cell in tally.format_row(30, seconds=2).split("|")[1:-1]]

    assert cells[:6] == ["30", "8", "4", "2.00", "3", "1"]
    assert cells[6] == "100"
    assert cells[9:] == ["500", "1.0", "2.0", "10.0", "0.5"]
    assert tally.told == tally.sent
