"""Codecs leave what their own libraries leave, and PyAV is needed for video alone."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from sharpening.degradation.compression import H264, Jpeg, transcode
from sharpening.errors import DeviceError
from sharpening.metrics import psnr

Pixels = npt.NDArray[np.uint8]

ROOT = Path(__file__).parents[3]


@pytest.fixture
def piece(photograph: Pixels) -> Pixels:
    return photograph[60:157, 120:250]


def test_jpeg_is_what_pillow_makes_of_it(piece: Pixels) -> None:
    buffer = io.BytesIO()
    Image.fromarray(piece).save(buffer, "JPEG", quality=35, subsampling=0)
    expected = np.asarray(Image.open(buffer))
    np.testing.assert_array_equal(Jpeg(quality=35, subsampling="4:4:4").apply(piece), expected)


def test_lower_quality_is_farther_off(piece: Pixels) -> None:
    figures = [psnr(piece, Jpeg(quality=quality).apply(piece)) for quality in (90, 60, 30)]
    assert figures == sorted(figures, reverse=True)


def test_subsampling_costs_colour() -> None:
    columns = np.zeros((32, 32, 3), np.uint8)
    columns[:, ::2] = (255, 0, 0)
    columns[:, 1::2] = (0, 0, 255)
    full, halved = (
        psnr(columns, Jpeg(quality=90, subsampling=subsampling).apply(columns))
        for subsampling in ("4:4:4", "4:2:0")
    )
    assert full > halved + 6


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (16, 16), (17, 33), (31, 47)])
def test_every_size_goes_through_h264(size: tuple[int, int]) -> None:
    even = np.full((*size, 3), (40, 128, 200), np.uint8)
    decoded = H264(rate_factor=23, frames=2).apply(even)
    assert decoded.shape == even.shape
    assert decoded.dtype == np.uint8
    assert np.abs(decoded.astype(int) - even).max() <= 4


def test_h264_always_leaves_the_same(piece: Pixels) -> None:
    damage = H264(rate_factor=32, frames=3)
    np.testing.assert_array_equal(damage.apply(piece), damage.apply(piece))


def test_a_higher_rate_factor_is_farther_off(piece: Pixels) -> None:
    figures = [psnr(piece, H264(rate_factor=factor).apply(piece)) for factor in (18, 28, 38)]
    assert figures == sorted(figures, reverse=True)
    assert figures[0] > figures[-1] + 4


def test_the_last_frame_lies_where_the_picture_does(piece: Pixels) -> None:
    decoded = H264(rate_factor=20, frames=3, pan_px=(1.5, -1)).apply(piece)
    moved = [np.roll(decoded, shift, axis) for shift in (-1, 1) for axis in (0, 1)]
    assert psnr(piece, decoded) > max(psnr(piece, each) for each in moved) + 3


def test_the_frames_before_are_seen_in_the_last(piece: Pixels) -> None:
    alone = H264(rate_factor=34, frames=1).apply(piece)
    after_others = [
        H264(rate_factor=34, frames=4, pan_px=pan_px).apply(piece)
        for pan_px in ((0, 0), (1.5, 0), (0, 1.5), (0, -1.5))
    ]
    assert len({each.tobytes() for each in (alone, *after_others)}) == 5


def test_every_frame_of_a_film_comes_out_and_the_last_as_the_damage_has_it(piece: Pixels) -> None:
    whole = piece[:96, :128]

    frames = transcode([whole, whole[::-1], whole], 30)

    still = H264(rate_factor=30, frames=2, pan_px=(0, 0)).apply(whole)
    np.testing.assert_array_equal(transcode([whole, whole], 30)[-1], still)
    assert [psnr(whole, each) > 25 for each in frames] == [True, False, True]


def test_without_pyav_the_error_says_how_to_get_it(
    piece: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DeviceError, match=r"PyAV.*pip install"):
        H264(rate_factor=30).apply(piece)


def test_pyav_is_not_imported_before_it_is_needed() -> None:
    program = "import sys, sharpening.degradation; raise SystemExit('av' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
