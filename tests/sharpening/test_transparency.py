"""Hidden colours are filled from what shows; what shows stays as it is."""

import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sharpening.transparency import fill_hidden

Pixels = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


@st.composite
def partly_hidden(draw: st.DrawFn) -> tuple[Pixels, Mask]:
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    return draw(arrays.arrays(dtype, (*shape, 3))), draw(arrays.arrays(np.bool_, shape))


@given(partly_hidden())
def test_what_shows_stays_and_what_is_hidden_lies_between_what_shows(
    pair: tuple[Pixels, Mask],
) -> None:
    pixels, hidden = pair
    before = pixels.copy()
    filled = fill_hidden(pixels, hidden)
    np.testing.assert_array_equal(pixels, before)
    np.testing.assert_array_equal(filled[~hidden], pixels[~hidden])
    assert (filled.shape, filled.dtype) == (pixels.shape, pixels.dtype)
    if hidden.all():
        np.testing.assert_array_equal(filled, pixels)
    else:
        visible = pixels[~hidden]
        assert (filled >= visible.min(axis=0)).all()
        assert (filled <= visible.max(axis=0)).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_colour_that_shows_fills_all(dtype: Any) -> None:
    colour = np.array([np.iinfo(dtype).max, 7, 0], dtype)
    pixels = np.zeros((601, 700, 3), dtype)
    pixels[300, 517] = colour
    hidden = np.ones((601, 700), bool)
    hidden[300, 517] = False
    np.testing.assert_array_equal(
        fill_hidden(pixels, hidden), np.broadcast_to(colour, pixels.shape)
    )


def test_a_pixel_takes_the_mean_of_the_smallest_square_in_which_something_shows() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[0, 0], pixels[0, 1], pixels[3, 3] = 10, 21, 90
    hidden = np.ones((4, 4), bool)
    hidden[0, 0] = hidden[0, 1] = hidden[3, 3] = False
    # the upper left square has a mean of 15.5; that of the whole is of the squares' means
    assert fill_hidden(pixels, hidden)[..., 0].tolist() == [
        [10, 21, 53, 53],
        [16, 16, 53, 53],
        [53, 53, 90, 90],
        [53, 53, 90, 90],
    ]


def test_it_takes_no_more_memory_than_a_few_pictures() -> None:
    pixels = np.zeros((2000, 1500, 3), np.uint8)
    hidden = np.arange(2000 * 1500).reshape(2000, 1500) % 3 == 0
    tracemalloc.start()
    fill_hidden(pixels, hidden)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * pixels.nbytes  # one float copy alone would be four
