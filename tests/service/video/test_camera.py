"""A file in a camera's place, and a stand-in for the virtual camera."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.clips import read_pictures
from service.cli import main
from service.models import load_models
from service.settings import Settings
from service.video.camera import (
    Wish,
    open_camera,
    open_virtual_camera,
    read_latest,
)
from sharpening.errors import VideoError

MakeClip = Callable[..., Path]
WAIT_S = 60
SHOWN = 5


class FakeCamera:
    """Takes what `pyvirtualcam.Camera` takes, and presses Ctrl-C after some frames."""

    opened: "list[FakeCamera]"

    def __init__(self, width: int, height: int, fps: float, *, device: str | None = None) -> None:
        self.shape = height, width, 3
        self.fps = fps
        self.device = device or "/dev/video42"
        self.shown: list[np.ndarray] = []
        self.is_closed = False
        self.opened.append(self)

    def send(self, frame: np.ndarray) -> None:
        assert (frame.shape, frame.dtype) == (self.shape, np.uint8)
        self.shown.append(frame)
        if len(self.shown) == SHOWN:
            signal.raise_signal(signal.SIGINT)

    def __enter__(self) -> "FakeCamera":
        return self

    def __exit__(self, *_: object) -> None:
        self.is_closed = True


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> list[FakeCamera]:
    """Put the stand-in in PyVirtualCam's place; returns those that were opened."""
    FakeCamera.opened = []
    monkeypatch.setitem(sys.modules, "pyvirtualcam", SimpleNamespace(Camera=FakeCamera))
    return FakeCamera.opened


def test_a_file_is_shown_sharpened_until_told_to_stop(
    make_clip: MakeClip,
    student_dir: Path,
    cameras: list[FakeCamera],
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = make_clip()
    words = ("camera", "--input", source, "--weights", student_dir, "--device", "/dev/video7")

    assert main([str(word) for word in words]) == 0

    (camera,) = cameras
    assert camera.is_closed
    assert (camera.shape, camera.fps) == ((96, 160, 3), 25)
    engine = load_models(Settings(weights_dir=student_dir)).get("student").engine
    possible = {engine.sharpen(pixels).tobytes() for pixels in read_pictures(source)}
    assert len(camera.shown) == SHOWN
    assert all(frame.tobytes() in possible for frame in camera.shown)
    told = capsys.readouterr().err
    assert "select the camera /dev/video7: 160x96 px" in told
    assert f"{SHOWN} frames shown" in told


def test_a_file_starts_again_at_its_end_and_keeps_its_pace(make_clip: MakeClip) -> None:
    source = make_clip()
    waits: list[float] = []

    with open_camera(str(source), Wish()) as camera:
        frames = camera.read(clock=lambda: sum(waits), sleep=waits.append)
        shown = [next(frames) for _ in range(24)]

    for before, after in zip(read_pictures(source) * 2, shown, strict=True):
        np.testing.assert_array_equal(before, after)
    assert waits == pytest.approx([0, *[1 / 25] * 11] * 2)


def test_only_the_newest_frame_is_worked_on() -> None:
    stopped = threading.Event()
    taken, read = threading.Event(), threading.Event()

    def film() -> Iterator[np.ndarray]:
        yield np.full((1, 1, 3), 1, np.uint8)
        assert taken.wait(WAIT_S)
        for number in (2, 3, 4):
            yield np.full((1, 1, 3), number, np.uint8)
        read.set()
        assert stopped.wait(WAIT_S)

    frames = read_latest(film(), stopped)
    first = next(frames)
    taken.set()
    assert read.wait(WAIT_S)  # meanwhile the first is being sharpened
    newest = next(frames)
    frames.close()

    assert (first.pixels[0, 0, 0], first.dropped) == (1, 0)
    assert (newest.pixels[0, 0, 0], newest.dropped) == (4, 2)


def test_what_the_camera_raises_is_raised_after_the_last_frame() -> None:
    def film() -> Iterator[np.ndarray]:
        yield np.zeros((1, 1, 3), np.uint8)
        raise VideoError("unplugged")

    frames = read_latest(film(), threading.Event())
    next(frames)
    with pytest.raises(VideoError, match="unplugged"):
        next(frames)


def test_without_pyvirtualcam_it_says_how_to_install_it(
    make_clip: MakeClip,
    student_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)

    words = ("camera", "--input", make_clip(), "--weights", student_dir)
    assert main([str(word) for word in words]) == 1

    assert 'pip install "sharpening-service[camera]"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("platform", "remedy"),
    [("linux", "modprobe v4l2loopback"), ("darwin", "OBS Studio"), ("win32", "OBS Studio")],
)
def test_without_a_virtual_camera_it_says_what_to_install(platform: str, remedy: str) -> None:
    pytest.importorskip("pyvirtualcam")

    with pytest.raises(VideoError, match=remedy):
        open_virtual_camera(160, 96, 25, "/dev/no-such-camera", platform=platform)


@pytest.mark.parametrize("name", ["63", "/dev/no-such-camera"])
def test_a_camera_that_is_not_there_is_said(
    name: str, student_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["camera", "--input", name, "--weights", str(student_dir)]) == 1
    assert f"{name} is neither a camera that can be opened nor a video" in capsys.readouterr().err


def test_a_file_without_a_picture_is_no_camera(tmp_path: Path) -> None:
    subtitles = tmp_path / "film.srt"
    subtitles.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")

    with (
        pytest.raises(VideoError, match=r"film\.srt has no picture"),
        open_camera(str(subtitles), Wish()),
    ):
        pass
