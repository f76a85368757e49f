"""How much of a header is read before it is given up: a file can declare more than it holds.

Reads nothing itself.
"""

from sharpening.errors import BrokenImageError


class Budget:
    """So many boxes, chunks, segments or other parts, and no more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most

    def spend(self, count: int = 1) -> None:
        """Take in `count` more; raises `BrokenImageError` where that is too many."""
        self._left -= count
        if self._left < 0:
            raise BrokenImageError(
                f"the picture's header is damaged: it has more than {self._most} parts; "
                "save the picture anew"
            )
