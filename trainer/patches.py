"""Random patches: which ones step N trains on, from the seed and N alone.

Nothing is remembered between batches, so a run that stopped at step N goes on with N as if it had
never stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.store import GRID_PX, Picture

Batch = dict[str, npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class Sampler:
    """Draws patches, every picture as likely as any other, flipped and turned at random."""

    pictures: Sequence[Picture]
    batch_size: int
    patch_px: int
    seed: int

    def draw(self, step: int) -> Batch:
        """Return the batch of a step: planes by name, each `(N, patch_px, patch_px, 3)` uint8."""
        generator = np.random.default_rng((self.seed, step))
        patches = [self._draw_one(generator) for _ in range(self.batch_size)]
        return {name: np.stack([patch[name] for patch in patches]) for name in patches[0]}

    def _draw_one(self, generator: np.random.Generator) -> Picture:
        picture = self.pictures[int(generator.integers(len(self.pictures)))]
        height, width = picture["sharp"].shape[:2]
        top = GRID_PX * int(generator.integers((height - self.patch_px) // GRID_PX + 1))
        left = GRID_PX * int(generator.integers((width - self.patch_px) // GRID_PX + 1))
        turns, flip = int(generator.integers(4)), bool(generator.integers(2))
        window = slice(top, top + self.patch_px), slice(left, left + self.patch_px)
        return {name: _turn(plane[window], turns, flip) for name, plane in picture.items()}


def crop_centre(picture: Picture, side_px: int) -> Picture:
    """Return the middle of every plane, at most `side_px` a side, on the degradation's grid."""
    height, width = picture["sharp"].shape[:2]
    top = max(0, height - side_px) // 2 // GRID_PX * GRID_PX
    left = max(0, width - side_px) // 2 // GRID_PX * GRID_PX
    window = slice(top, top + side_px), slice(left, left + side_px)
    return {name: np.asarray(plane[window]) for name, plane in picture.items()}


def _turn(patch: npt.NDArray[np.uint8], turns: int, flip: bool) -> npt.NDArray[np.uint8]:
    turned = np.rot90(patch, turns)
    return turned[:, ::-1] if flip else turned
