"""The eight ways in which a picture can be stored."""

import av
import numpy as np
import pytest

from service.video.orientation import Orientation, read_orientation

PICTURE = np.arange(2 * 3 * 3).reshape(2, 3, 3)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (Orientation(), PICTURE),
        (Orientation(is_mirrored_across=True), PICTURE[:, ::-1]),
        (Orientation(is_mirrored_down=True), PICTURE[::-1]),
        (Orientation(is_mirrored_across=True, is_mirrored_down=True), np.rot90(PICTURE, 2)),
        (Orientation(is_transposed=True), PICTURE.swapaxes(0, 1)),
        (Orientation(is_transposed=True, is_mirrored_across=True), np.rot90(PICTURE, -1)),
        (Orientation(is_transposed=True, is_mirrored_down=True), np.rot90(PICTURE, 1)),
    ],
)
def test_turning(orientation: Orientation, upright: np.ndarray) -> None:
    turned = orientation.turn(PICTURE)
    np.testing.assert_array_equal(turned, upright)
    assert turned.flags.c_contiguous


def test_a_frame_without_a_matrix_is_upright() -> None:
    assert read_orientation(av.VideoFrame(16, 16, "rgb24")) == Orientation()
