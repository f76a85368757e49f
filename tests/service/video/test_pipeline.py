"""Frames go through many hands at once and come out in their order, or not at all."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from benchmarks.clips import read_pictures
from service.video.pipeline import Outcome, Workers, sharpen_video
from service.video.source import open_source
from service.video.span import Span
from service.video.target import Encoding
from sharpening.errors import ImageError

WAIT_S = 60


class Notes:
    """A watcher that counts."""

    def __init__(self, at_frame: Callable[[int], None] = lambda _: None) -> None:
        self.frames = 0
        self._at_frame = at_frame

    def warn(self, text: str) -> None:
        raise AssertionError(text)

    def count(self) -> None:
        self.frames += 1
        self._at_frame(self.frames)


def run(
    source: Path,
    target: Path,
    sharpen: Callable[[np.ndarray], np.ndarray],
    *,
    workers: int = 1,
    watcher: Notes | None = None,
    stopped: threading.Event | None = None,
) -> Outcome:
    with open_source(source, Span()) as opened, ThreadPoolExecutor(workers) as threads:
        return sharpen_video(
            opened,
            target,
            Encoding("ffv1"),
            Workers(sharpen, threads, workers),
            watcher=watcher or Notes(),
            stopped=stopped or threading.Event(),
        )


def invert(pixels: np.ndarray) -> np.ndarray:
    return 255 - pixels


def test_frames_keep_their_order_whichever_is_done_first(
    tmp_path: Path, make_clip: Callable[..., Path]
) -> None:
    source, out = make_clip("in.mkv"), tmp_path / "out.mkv"
    done = [threading.Event() for _ in range(13)]
    numbers = {pixels.tobytes(): number for number, pixels in enumerate(read_pictures(source))}

    def sharpen(pixels: np.ndarray) -> np.ndarray:
        number = numbers[pixels.tobytes()]
        if number % 2 == 0:
            assert done[number + 1].wait(WAIT_S)  # the next one is done before this one
        done[number].set()
        return invert(pixels)

    outcome = run(source, out, sharpen, workers=2)

    assert outcome == Outcome(frames=12, broken=0, lost=0, moved=0, cut_short=None)
    for before, after in zip(read_pictures(source), read_pictures(out), strict=True):
        assert np.abs(255 - before.astype(int) - after).mean() < 3


def test_no_more_than_a_few_frames_are_read_ahead(
    tmp_path: Path, make_clip: Callable[..., Path]
) -> None:
    begun: list[int] = []
    highest: list[int] = []
    watcher = Notes(lambda written: highest.append(len(begun) - written))

    def sharpen(pixels: np.ndarray) -> np.ndarray:
        begun.append(1)
        return pixels

    run(make_clip("in.mkv"), tmp_path / "out.mkv", sharpen, watcher=watcher)

    assert watcher.frames == len(begun) == 12
    assert max(highest) <= 3


def test_told_to_stop_it_completes_what_was_begun(
    tmp_path: Path, make_clip: Callable[..., Path]
) -> None:
    source, out = make_clip("in.mkv"), tmp_path / "out.mkv"
    stopped = threading.Event()
    watcher = Notes(lambda written: stopped.set() if written == 4 else None)

    outcome = run(source, out, invert, watcher=watcher, stopped=stopped)

    pictures = read_pictures(out)
    assert 4 <= len(pictures) == outcome.frames < 12
    for before, after in zip(read_pictures(source), pictures, strict=False):
        assert np.abs(255 - before.astype(int) - after).mean() < 3


def test_told_to_stop_before_it_began_it_writes_one_frame(
    tmp_path: Path, make_clip: Callable[..., Path]
) -> None:
    stopped = threading.Event()
    stopped.set()

    run(make_clip("in.mkv"), tmp_path / "out.mkv", invert, stopped=stopped)

    assert len(read_pictures(tmp_path / "out.mkv")) >= 1


def test_what_a_worker_raises_is_raised_and_no_thread_is_left(
    tmp_path: Path, make_clip: Callable[..., Path]
) -> None:
    def fail(pixels: np.ndarray) -> np.ndarray:
        raise ImageError("no such picture")

    before = threading.active_count()
    with pytest.raises(ImageError, match="no such picture"):
        run(make_clip("in.mkv"), tmp_path / "out.mkv", fail)
    assert threading.active_count() == before
