"""The eight ways in which a picture can be stored."""

from pathlib import Path

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


@pytest.mark.parametrize(
    ("degrees", "mirrored", "orientation"),
    [
        (0, {"hflip": True}, Orientation(is_mirrored_across=True)),
        (0, {"vflip": True}, Orientation(is_mirrored_down=True)),
        (90, {}, Orientation(is_transposed=True, is_mirrored_down=True)),
        (90, {"vflip": True}, Orientation(is_transposed=True)),
        (180, {}, Orientation(is_mirrored_across=True, is_mirrored_down=True)),
    ],
)
def test_a_file_says_how_it_is_to_be_shown(
    degrees: int, mirrored: dict[str, bool], orientation: Orientation, tmp_path: Path
) -> None:
    path = str(tmp_path / "film.mp4")
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25, width=32, height=16)
        stream.set_display_rotation(degrees, **mirrored)
        container.mux(stream.encode(av.VideoFrame(32, 16, "yuv420p")))
        container.mux(stream.encode(None))

    with av.open(path) as container:
        assert read_orientation(next(container.decode(video=0))) == orientation
