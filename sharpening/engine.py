"""A picture in, a sharper picture out: exact tiling around a runtime, and the strength.

Keeps no state of a request on itself, knows neither threads nor queues, and catches nothing.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from sharpening.errors import ImageError, ParameterError
from sharpening.runtimes import Runtime
from sharpening.tiling import plan_tiles, round_up

MAX_STRENGTH = 2.0
_HALOS_PER_TILE = 6
"""With the halo at a sixth of a tile, at most 5/9 of the work is spent on overlap."""

Pixels = npt.NDArray[Any]


def go_on() -> None:
    """Let the next tile be run."""


class Engine:
    """Sharpens pictures of any size in memory bounded by the tile, not by the picture."""

    def __init__(self, runtime: Runtime, *, tile_px: int | None = None) -> None:
        """`tile_px` is the largest side of what the network runs on at once, halo included.

        Raises `ValueError` if a tile of that size would be all halo.
        """
        self.runtime = runtime
        step = runtime.multiple_of
        self.halo_px = round_up(runtime.receptive_field_px, step)
        chosen = tile_px or max(runtime.tile_px, _HALOS_PER_TILE * self.halo_px)
        self.tile_px = round_up(chosen, step)
        if self.tile_px <= 2 * self.halo_px:
            raise ValueError(
                f"tile_px is {self.tile_px}; this network needs more than {2 * self.halo_px}"
            )

    def sharpen(
        self,
        blurred: Pixels,
        *,
        strength: float = 1.0,
        before_tile: Callable[[], None] = go_on,
    ) -> Pixels:
        """Return the sharpened picture: `(H, W, 3)` RGB, uint8 or uint16, dtype and size as given.

        `strength` 0 returns the picture's own pixels, 1 the network's; between and up to 2 the
        result is linear in it, rounded and clamped. `before_tile` is called before each run of the
        network and may raise to stop. Raises `ImageError` for any other array and
        `ParameterError` for a strength outside [0, 2].
        """
        _check_pixels(blurred)
        if not 0 <= strength <= MAX_STRENGTH:
            raise ParameterError(f"strength is {strength}; expected 0 to {MAX_STRENGTH:g}")
        if strength == 0:
            return blurred.copy()
        padded = _extend(blurred, self.runtime.multiple_of)
        if padded is blurred and max(blurred.shape) <= self.tile_px:
            before_tile()
            return self._run(blurred, strength)
        sharpened = np.empty_like(blurred)
        tiles = plan_tiles(
            *padded.shape[:2],
            tile_px=self.tile_px,
            halo_px=self.halo_px,
            multiple_of=self.runtime.multiple_of,
        )
        for tile in tiles:
            before_tile()
            source = padded[tile.source]
            result = self._run(source, strength)[tile.kept]
            target = sharpened[tile.destination]
            target[:] = result[: target.shape[0], : target.shape[1]]
        return sharpened

    def _run(self, source: Pixels, strength: float) -> Pixels:
        sharpened = self.runtime.run(source[np.newaxis])[0]
        if sharpened.shape != source.shape:
            raise ValueError(f"the runtime turned {source.shape} into {sharpened.shape}")
        return _mix(source, sharpened, strength)


def _check_pixels(blurred: Pixels) -> None:
    shaped = blurred.ndim == 3 and blurred.shape[2] == 3 and blurred.size > 0
    if not shaped or blurred.dtype not in (np.uint8, np.uint16):
        raise ImageError(
            f"expected an (H, W, 3) picture of uint8 or uint16; got {blurred.shape} {blurred.dtype}"
        )


def _extend(blurred: Pixels, multiple_of: int) -> Pixels:
    """Repeat the last row and column until both sides are multiples of `multiple_of`."""
    height, width = blurred.shape[:2]
    below, right = -height % multiple_of, -width % multiple_of
    if not below and not right:
        return blurred
    return np.pad(blurred, ((0, below), (0, right), (0, 0)), mode="edge")


def _mix(blurred: Pixels, sharpened: Pixels, strength: float) -> Pixels:
    if strength == 1:
        return sharpened
    start = blurred.astype(np.float32)
    mixed = start + strength * (sharpened.astype(np.float32) - start)
    return np.clip(np.rint(mixed), 0, np.iinfo(blurred.dtype).max).astype(blurred.dtype)
