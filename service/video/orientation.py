"""Which way up the frames of a video are to be shown, and how to turn them so.

Knows no containers: a display matrix comes with the frame.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from av import VideoFrame

from service.video.colour import Pixels


@dataclass(frozen=True)
class Orientation:
    """How stored pixels become upright: first transposed, then mirrored."""

    is_transposed: bool = False
    is_mirrored_across: bool = False
    is_mirrored_down: bool = False

    def turn(self, stored: Pixels) -> Pixels:
        """Return the pixels, `(H, W, 3)`, upright."""
        upright = stored.swapaxes(0, 1) if self.is_transposed else stored
        down, across = (
            -1 if flag else 1 for flag in (self.is_mirrored_down, self.is_mirrored_across)
        )
        return np.ascontiguousarray(upright[::down, ::across])


def read_orientation(frame: VideoFrame) -> Orientation:
    """Return what the frame's display matrix asks for, to the nearest quarter of a turn.

    The matrix is FFmpeg's, nine 32-bit integers `(a, b, u, c, d, v, x, y, w)`: it moves what is at
    `(p, q)`, rightwards and downwards, to `(a p + c q, b p + d q)`.
    """
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Orientation()
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    if abs(b) > abs(a):
        return Orientation(True, c < 0, b < 0)
    return Orientation(False, a < 0, d < 0)
