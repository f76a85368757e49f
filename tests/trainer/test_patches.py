"""Patches are random, aligned, and given by seed and step alone."""

import numpy as np
import pytest

from trainer.patches import Sampler, crop_centre
from trainer.store import GRID_PX

SIDE_PX = 24


def coordinates(height: int, width: int) -> np.ndarray:
    """Pixels that say where they are: row, column, 7."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.full_like(rows, 7)], axis=2).astype(np.uint8)


@pytest.fixture
def sampler() -> Sampler:
    plane = coordinates(60, 80)
    return Sampler([{"sharp": plane, "blurred": plane}], 32, SIDE_PX, seed=3)


def test_the_same_step_gives_the_same_batch(sampler: Sampler) -> None:
    first, again, other = sampler.draw(5), sampler.draw(5), sampler.draw(6)
    assert np.array_equal(first["sharp"], again["sharp"])
    assert not np.array_equal(first["sharp"], other["sharp"])


def test_another_seed_gives_another_batch(sampler: Sampler) -> None:
    other = Sampler(sampler.pictures, 32, SIDE_PX, seed=4)
    assert not np.array_equal(sampler.draw(5)["sharp"], other.draw(5)["sharp"])


def test_the_planes_of_a_patch_show_the_same_place(sampler: Sampler) -> None:
    batch = sampler.draw(0)
    assert batch["sharp"].shape == (32, SIDE_PX, SIDE_PX, 3)
    assert np.array_equal(batch["sharp"], batch["blurred"])


def test_patches_start_on_the_grid_and_reach_every_edge(sampler: Sampler) -> None:
    corners = [
        patch[..., :2].min(axis=(0, 1))
        for step in range(20)
        for patch in sampler.draw(step)["sharp"]
    ]
    assert not np.any(np.array(corners) % GRID_PX)
    assert np.array_equal(np.min(corners, axis=0), [0, 0])
    assert np.array_equal(np.max(corners, axis=0), [60 - SIDE_PX, 80 - SIDE_PX])


def test_all_eight_turns_occur(sampler: Sampler) -> None:
    seen = set()
    for step in range(10):
        for patch in sampler.draw(step)["sharp"]:
            place = patch[..., :2].astype(int)
            down, right = place[-1, 0] - place[0, 0], place[0, -1] - place[0, 0]
            seen.add((*np.sign(down), *np.sign(right)))
    assert len(seen) == 8


def test_the_centre_is_cut_on_the_grid() -> None:
    plane = coordinates(70, 50)
    cut = crop_centre({"sharp": plane}, 32)["sharp"]
    assert cut.shape == (32, 32, 3)
    assert tuple(cut[0, 0]) == (18, 8, 7)


def test_a_small_picture_is_its_own_centre() -> None:
    plane = coordinates(20, 30)
    assert np.array_equal(crop_centre({"sharp": plane}, 32)["sharp"], plane)
