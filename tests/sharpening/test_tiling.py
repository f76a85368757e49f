"""Tiles cover the picture once, have one shape, lie inside it and keep their halo."""

import numpy as np
import pytest

from sharpening.tiling import Span, plan_tiles, round_up

SIZES = [1, 2, 3, 7, 16, 31, 32, 33, 46, 47, 48, 49, 63, 64, 65, 66, 96, 97, 129, 200]

GEOMETRIES = [(32, 0), (32, 4), (32, 8), (32, 15), (33, 16), (3, 1), (1, 0)]
"""Sides of tiles and halos, the last ones with a single px kept of each tile."""


@pytest.mark.parametrize(("tile_px", "halo_px"), GEOMETRIES)
@pytest.mark.parametrize("height", SIZES)
def test_kept_parts_cover_every_px_exactly_once(height: int, tile_px: int, halo_px: int) -> None:
    width = SIZES[(SIZES.index(height) * 7 + 3) % len(SIZES)]
    covered = np.zeros((height, width), int)
    for tile in plan_tiles(height, width, tile_px=tile_px, halo_px=halo_px):
        covered[tile.destination] += 1
    assert (covered == 1).all()


@pytest.mark.parametrize(("tile_px", "halo_px"), GEOMETRIES)
@pytest.mark.parametrize("length", SIZES)
def test_tiles_have_one_shape_and_lie_inside_and_respect_the_halo(
    length: int, tile_px: int, halo_px: int
) -> None:
    for tile in plan_tiles(length, 50, tile_px=tile_px, halo_px=halo_px):
        for span, side in ((tile.rows, length), (tile.columns, 50)):
            assert span.stop - span.start <= min(side, tile_px)
            assert 0 <= span.start <= span.keep_start < span.keep_stop <= span.stop <= side
            assert span.start == 0 or span.keep_start - span.start >= halo_px
            assert span.stop == side or span.stop - span.keep_stop >= halo_px


@pytest.mark.parametrize("step", [2, 4, 8])
@pytest.mark.parametrize("factor", [4, 5, 9, 13, 40])
def test_starts_are_aligned_where_all_lengths_are(step: int, factor: int) -> None:
    sizes = {"tile_px": 6 * step, "halo_px": 2 * step}
    for tile in plan_tiles(factor * step, (factor + 3) * step, **sizes, multiple_of=step):
        for span in (tile.rows, tile.columns):
            assert span.start % step == span.stop % step == span.keep_start % step == 0


@pytest.mark.parametrize("length", [*range(1, 200), 600, 1080, 4096])
def test_no_more_tiles_than_the_largest_need_and_no_larger_than_they_must_be(length: int) -> None:
    tile_px, halo_px = 64, 8
    tiles = list(plan_tiles(length, 5, tile_px=tile_px, halo_px=halo_px))
    most = tile_px - 2 * halo_px
    fewest = max(1, -(-(length - 2 * halo_px) // most))
    sides = {tile.rows.stop - tile.rows.start for tile in tiles}
    assert len(tiles) == fewest
    assert len(sides) == 1
    (side,) = sides
    assert fewest == 1 or (side - 1 - 2 * halo_px) * fewest + 2 * halo_px < length


@pytest.mark.parametrize("size", [(100, 70), (70, 100), (32, 32), (5, 90)])
def test_picture_is_put_together_again_from_its_tiles(size: tuple[int, int]) -> None:
    picture = np.arange(size[0] * size[1]).reshape(size)
    copy = np.zeros_like(picture)
    for tile in plan_tiles(*size, tile_px=32, halo_px=8):
        copy[tile.destination] = picture[tile.source][tile.kept]
    np.testing.assert_array_equal(copy, picture)


def test_picture_no_larger_than_a_tile_is_one_tile() -> None:
    tiles = list(plan_tiles(32, 9, tile_px=32, halo_px=8))
    assert [(tile.rows, tile.columns) for tile in tiles] == [(Span(0, 32, 0, 32), Span(0, 9, 0, 9))]


@pytest.mark.parametrize("halo_px", [16, 17])
def test_tile_without_an_inside_is_refused(halo_px: int) -> None:
    with pytest.raises(ValueError, match="a tile of 32 px has no inside"):
        list(plan_tiles(100, 100, tile_px=32, halo_px=halo_px))


@pytest.mark.parametrize(
    ("length", "multiple_of", "expected"),
    [(0, 8, 0), (1, 8, 8), (8, 8, 8), (9, 8, 16), (13, 2, 14), (5, 1, 5)],
)
def test_round_up_gives_the_next_multiple(length: int, multiple_of: int, expected: int) -> None:
    assert round_up(length, multiple_of) == expected
