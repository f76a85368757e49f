"""Random patches: which ones a run trains on, from the seed and their place in the run alone.

Nothing is remembered between batches. Patch 7,000 of a run is the same whoever draws it: a run
that was stopped goes on as if it had not been, and processes share a run by dividing its places.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sharpening.degradation import Degradation
from trainer.store import GRID_PX, Picture

Batch = dict[str, npt.NDArray[np.uint8]]

_ORDER, _PATCH = 0, 1  # what a generator is for: streams of one seed that must not meet


@dataclass(frozen=True)
class Sampler:
    """Draws one patch from every photograph, in random order, then again from every photograph.

    With a degradation each patch is blurred by itself; without one it is cut from all planes.
    """

    pictures: Sequence[Picture]
    """Of each photograph all versions, one after the other: any of them may give its patch."""
    seed: int
    turn: bool = True
    degradation: Degradation | None = None
    versions: int = 1
    """Of every photograph there are as many."""

    def __post_init__(self) -> None:
        assert len(self.pictures) % self.versions == 0

    @property
    def photographs(self) -> int:
        """How many photographs there are patches of."""
        return len(self.pictures) // self.versions

    def draw(self, first: int, count: int, patch_px: int) -> Batch:
        """Return the run's patches from number `first` on.

        Planes by name, each `(count, patch_px, patch_px, 3)` uint8.
        """
        patches = [self._draw_one(place, patch_px) for place in range(first, first + count)]
        return {name: np.stack([patch[name] for patch in patches]) for name in patches[0]}

    def _draw_one(self, place: int, patch_px: int) -> Picture:
        epoch, index = divmod(place, self.photographs)
        order = np.random.default_rng((self.seed, _ORDER, epoch)).permutation(self.photographs)
        generator = np.random.default_rng((self.seed, _PATCH, place))
        first = order[index] * self.versions
        version = int(generator.integers(self.versions)) if self.versions > 1 else 0
        patch = _cut(self.pictures[first + version], patch_px, generator)
        if self.turn:
            turns, flip = int(generator.integers(4)), bool(generator.integers(2))
            patch = {name: _turn(plane, turns, flip) for name, plane in patch.items()}
        if self.degradation is None:
            return patch
        sharp = patch["sharp"]
        return {"sharp": sharp, "blurred": self.degradation.apply(sharp, generator)}


def crop_centre(picture: Picture, side_px: int | None) -> Picture:
    """Return the middle of every plane, at most `side_px` a side, on the degradation's grid."""
    if side_px is None:
        return {name: np.asarray(plane) for name, plane in picture.items()}
    height, width = picture["sharp"].shape[:2]
    top = max(0, height - side_px) // 2 // GRID_PX * GRID_PX
    left = max(0, width - side_px) // 2 // GRID_PX * GRID_PX
    window = slice(top, top + side_px), slice(left, left + side_px)
    return {name: np.asarray(plane[window]) for name, plane in picture.items()}


def _cut(picture: Picture, patch_px: int, generator: np.random.Generator) -> Picture:
    height, width = picture["sharp"].shape[:2]
    top = GRID_PX * int(generator.integers((height - patch_px) // GRID_PX + 1))
    left = GRID_PX * int(generator.integers((width - patch_px) // GRID_PX + 1))
    window = slice(top, top + patch_px), slice(left, left + patch_px)
    return {name: plane[window] for name, plane in picture.items()}


def _turn(patch: npt.NDArray[np.uint8], turns: int, flip: bool) -> npt.NDArray[np.uint8]:
    turned = np.rot90(patch, turns)
    return turned[:, ::-1] if flip else turned
