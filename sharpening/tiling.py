"""Pure geometry: which rectangles to run a network on so that the whole picture comes out exactly.

Never imports a network and never sees a picture.

Tiles overlap by twice the halo and lie wholly inside the picture. Where a tile ends inside the
picture, its outermost `halo_px` are thrown away; where it ends at the picture's border, they are
kept, because there the network sees the same border as in the whole picture. All tiles of a
picture have one shape: the smallest that covers it with as few tiles as the largest would.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """One axis of a tile, in px: what is read, `[start, stop)`, and what is kept of it."""

    start: int
    stop: int
    keep_start: int
    keep_stop: int


@dataclass(frozen=True)
class Tile:
    """A rectangle to read and the part of it to keep."""

    rows: Span
    columns: Span

    @property
    def source(self) -> tuple[slice, slice]:
        """Where the tile lies in the picture."""
        return slice(self.rows.start, self.rows.stop), slice(self.columns.start, self.columns.stop)

    @property
    def destination(self) -> tuple[slice, slice]:
        """Where the kept part lies in the picture."""
        return (
            slice(self.rows.keep_start, self.rows.keep_stop),
            slice(self.columns.keep_start, self.columns.keep_stop),
        )

    @property
    def kept(self) -> tuple[slice, slice]:
        """Where the kept part lies in the tile."""
        return (
            slice(self.rows.keep_start - self.rows.start, self.rows.keep_stop - self.rows.start),
            slice(
                self.columns.keep_start - self.columns.start,
                self.columns.keep_stop - self.columns.start,
            ),
        )


def plan_tiles(
    height: int, width: int, *, tile_px: int, halo_px: int, multiple_of: int = 1
) -> Iterator[Tile]:
    """Yield the tiles of a picture, row by row; their kept parts cover it once.

    `tile_px` is the largest side of a tile. Starts and sides are multiples of `multiple_of` if
    `height`, `width`, `tile_px` and `halo_px` are. Raises `ValueError` unless `tile_px` is more
    than twice `halo_px`.
    """
    columns = _plan_axis(width, _shrink(width, tile_px, halo_px, multiple_of), halo_px)
    for rows in _plan_axis(height, _shrink(height, tile_px, halo_px, multiple_of), halo_px):
        for column in columns:
            yield Tile(rows, column)


def round_up(length: int, multiple_of: int) -> int:
    """Return the smallest multiple of `multiple_of` that is at least `length`."""
    return -(-length // multiple_of) * multiple_of


def _shrink(length: int, tile_px: int, halo_px: int, multiple_of: int) -> int:
    """Return the smallest side that covers `length` with no more tiles than `tile_px` would."""
    overlap = 2 * halo_px
    if tile_px <= overlap:
        raise ValueError(f"a tile of {tile_px} px has no inside with a halo of {halo_px} px")
    tiles = max(1, -(-(length - overlap) // (tile_px - overlap)))
    inside = max(1, -(-(length - overlap) // tiles))
    return min(tile_px, round_up(inside + overlap, multiple_of))


def _plan_axis(length: int, tile_px: int, halo_px: int) -> list[Span]:
    if length <= tile_px:
        return [Span(0, length, 0, length)]
    spans: list[Span] = []
    kept = 0
    while kept < length:
        start = min(max(kept - halo_px, 0), length - tile_px)
        stop = start + tile_px
        keep_stop = length if stop == length else stop - halo_px
        spans.append(Span(start, stop, kept, keep_stop))
        kept = keep_stop
    return spans
