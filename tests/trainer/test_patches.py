"""Patches are random, aligned, and given by the seed and their place in the run alone."""

import numpy as np
import pytest
import skimage.data

from sharpening.degradation import CallDegradation, PaperDegradation
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
    return Sampler([{"sharp": plane, "blurred": plane}], seed=3)


def test_a_place_in_the_run_gives_one_patch_however_batches_are_cut(sampler: Sampler) -> None:
    whole = sampler.draw(5, 6, SIDE_PX)["sharp"]
    parts = [sampler.draw(5, 4, SIDE_PX)["sharp"], sampler.draw(9, 2, SIDE_PX)["sharp"]]
    assert np.array_equal(whole, np.concatenate(parts))
    assert not np.array_equal(whole[0], whole[1])


def test_another_seed_gives_another_batch(sampler: Sampler) -> None:
    other = Sampler(sampler.pictures, seed=4)
    assert not np.array_equal(
        sampler.draw(5, 4, SIDE_PX)["sharp"], other.draw(5, 4, SIDE_PX)["sharp"]
    )


def test_every_picture_gives_one_patch_before_any_gives_another() -> None:
    pictures = [{"sharp": np.full((16, 16, 3), shade, np.uint8)} for shade in range(7)]
    shades = Sampler(pictures, seed=1).draw(0, 21, 16)["sharp"][:, 0, 0, 0]
    epochs = shades.reshape(3, 7)
    assert [sorted(epoch) for epoch in epochs.tolist()] == [list(range(7))] * 3
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == 3


def test_patches_can_be_left_as_they_lie(sampler: Sampler) -> None:
    straight = Sampler(sampler.pictures, seed=3, turn=False).draw(0, 16, SIDE_PX)["sharp"]
    assert np.all(np.diff(straight[..., 0].astype(int), axis=1) == 1)
    assert np.all(np.diff(straight[..., 1].astype(int), axis=2) == 1)


def test_a_patch_blurred_by_itself_is_what_the_degradation_makes_of_it() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    drawn = Sampler([{"sharp": noise}], seed=1, degradation=PaperDegradation()).draw(0, 3, 32)
    for sharp, blurred in zip(drawn["sharp"], drawn["blurred"], strict=True):
        assert np.array_equal(blurred, PaperDegradation().apply(sharp))


def test_every_version_of_a_photograph_gives_patches_and_photographs_take_turns() -> None:
    pictures = [{"sharp": np.full((16, 16, 3), shade, np.uint8)} for shade in range(12)]
    sampler = Sampler(pictures, seed=1, versions=3)
    assert sampler.photographs == 4
    shades = sampler.draw(0, 400, 16)["sharp"][:, 0, 0, 0]
    assert [sorted(epoch) for epoch in (shades // 3).reshape(100, 4).tolist()] == [
        [0, 1, 2, 3]
    ] * 100
    counts = np.bincount(shades)
    assert counts.min() > 15
    assert counts.sum() == 400


def test_each_patch_is_damaged_by_a_generator_of_its_own() -> None:
    sharp = skimage.data.chelsea()[:64, :64]
    call = CallDegradation(untouched_share=0)
    sampler = Sampler([{"sharp": sharp}], seed=1, turn=False, degradation=call)
    whole = sampler.draw(0, 8, 64)["blurred"]
    assert len({patch.tobytes() for patch in whole}) == 8
    assert np.array_equal(sampler.draw(5, 1, 64)["blurred"][0], whole[5])


def test_the_planes_of_a_patch_show_the_same_place(sampler: Sampler) -> None:
    batch = sampler.draw(0, 32, SIDE_PX)
    assert batch["sharp"].shape == (32, SIDE_PX, SIDE_PX, 3)
    assert np.array_equal(batch["sharp"], batch["blurred"])


def test_patches_start_on_the_grid_and_reach_every_edge(sampler: Sampler) -> None:
    corners = [patch[..., :2].min(axis=(0, 1)) for patch in sampler.draw(0, 640, SIDE_PX)["sharp"]]
    assert not np.any(np.array(corners) % GRID_PX)
    assert np.array_equal(np.min(corners, axis=0), [0, 0])
    assert np.array_equal(np.max(corners, axis=0), [60 - SIDE_PX, 80 - SIDE_PX])


def test_all_eight_turns_occur(sampler: Sampler) -> None:
    seen = set()
    for patch in sampler.draw(0, 320, SIDE_PX)["sharp"]:
        place = patch[..., :2].astype(int)
        down, right = place[-1, 0] - place[0, 0], place[0, -1] - place[0, 0]
        seen.add((*np.sign(down), *np.sign(right)))
    assert len(seen) == 8


def test_the_centre_is_cut_on_the_grid() -> None:
    plane = coordinates(70, 50)
    cut = crop_centre({"sharp": plane}, 32)["sharp"]
    assert cut.shape == (32, 32, 3)
    assert tuple(cut[0, 0]) == (18, 8, 7)


def test_without_a_side_it_is_the_whole_picture() -> None:
    plane = coordinates(20, 30)
    assert np.array_equal(crop_centre({"sharp": plane}, None)["sharp"], plane)


def test_a_small_picture_is_its_own_centre() -> None:
    plane = coordinates(20, 30)
    assert np.array_equal(crop_centre({"sharp": plane}, 32)["sharp"], plane)
