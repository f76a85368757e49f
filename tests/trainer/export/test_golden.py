"""The golden picture is made from code, is always the same and hides nothing by clamping."""

from collections.abc import Callable

import numpy as np
import pytest

from sharpening.degradation import CallDegradation
from sharpening.drawing import draw_picture
from sharpening.golden import largest_difference
from sharpening.runtimes.torch import TorchRuntime, restore_network
from sharpening.weights import Weights
from trainer.export.golden import make_golden


@pytest.mark.parametrize(
    ("multiple_of", "shape"), [(1, (48, 64, 3)), (8, (48, 64, 3)), (20, (60, 80, 3))]
)
def test_picture_is_small_and_fits_the_network(
    multiple_of: int, shape: tuple[int, int, int]
) -> None:
    picture = draw_picture(multiple_of)
    assert picture.shape == shape
    assert picture.dtype == np.uint8


def test_picture_has_structure_everywhere_and_no_extremes() -> None:
    picture = draw_picture(2).astype(int)
    assert (picture.min(), picture.max()) == (32, 224)
    cells = picture.reshape(3, 16, 4, 16, 3)
    assert cells.std(axis=(1, 3)).min() > 5


def test_pair_is_the_blurred_picture_and_the_models_answer(
    make_weights: Callable[..., Weights],
) -> None:
    weights = make_weights("student")
    golden = make_golden(weights)
    np.testing.assert_array_equal(golden.blurred, weights.card.degradation.apply(draw_picture(2)))
    assert golden.sha256 == weights.sha256
    assert largest_difference(golden, TorchRuntime(restore_network(weights), "cpu")) == 0
    assert not np.array_equal(golden.sharpened, golden.blurred)


def test_pair_of_a_random_profile_is_the_typical_one(make_weights: Callable[..., Weights]) -> None:
    call = CallDegradation()
    golden = make_golden(make_weights("student", profile="call", degradation=call))
    np.testing.assert_array_equal(golden.blurred, call.typical.apply(draw_picture(2)))


def test_network_that_needs_larger_multiples_gets_them(
    make_weights: Callable[..., Weights],
) -> None:
    assert make_golden(make_weights("luminous-student")).blurred.shape == (48, 64, 3)
