"""Reading, sharpening and writing a video at the same time, in order.

Frames are read ahead in a thread of their own, sharpened in the threads that are given, and written
in the thread that asks. Knows no network and prints nothing.
"""

import itertools
import queue
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from av import Packet
from av.stream import Stream

from service.video.colour import Pixels
from service.video.source import CutShort, Damage, Frame, Item, Source, read_items
from service.video.target import Encoding, Target, open_target
from sharpening.errors import VideoError

_READ_AHEAD = 2


class Watcher(Protocol):
    """Who is told how it goes."""

    def warn(self, text: str) -> None:
        """Something of the source will not be in the output."""

    def count(self) -> None:
        """A frame was written."""


@dataclass(frozen=True)
class Workers:
    """What sharpens a picture, `(H, W, 3)` in and out, and the threads that do so."""

    sharpen: Callable[[Pixels], Pixels]
    threads: Executor
    count: int


@dataclass(frozen=True)
class Outcome:
    """What came of a video."""

    frames: int
    broken: int
    """Frames with errors in them, which were passed on as they were."""
    lost: int
    """Frames that could not be decoded, in whose place the one before them is shown."""
    moved: int
    """Frames whose time the output cannot say to the millisecond."""
    cut_short: str | None
    """Why the source could not be read to its end."""


@dataclass(frozen=True)
class _Pending:
    """A frame, and its sharpened pixels to come."""

    frame: Frame
    pixels: Future[Pixels]


_Item: TypeAlias = "_Pending | Packet[Stream] | CutShort"


def sharpen_video(
    source: Source,
    output: Path,
    encoding: Encoding,
    workers: Workers,
    *,
    watcher: Watcher,
    stopped: threading.Event,
) -> Outcome:
    """Write the source's span to `output`, sharpened.

    Once `stopped` is set no further frame is begun, and the file is completed with what there is,
    at least one frame. Raises what `open_target` does, and `VideoError` if there is no frame.
    """
    items = read_items(source)
    head = _read_head(items)
    first = head[-1] if head else None
    if not isinstance(first, Frame):
        raise VideoError("there is no frame in that part of the video, or none can be decoded")
    with open_target(output, source, first, encoding) as (target, losses):
        for loss in losses:
            watcher.warn(loss)
        ahead = _read_ahead(itertools.chain(head, items), workers, stopped)
        with closing(ahead):
            return _write(ahead, target, source, watcher, stopped)


def _read_head(items: Iterator[Item]) -> list[Item]:
    """Return all up to the first frame, which says what the output is to be like."""
    head: list[Item] = []
    for item in items:
        head.append(item)
        if isinstance(item, Frame):
            break
    return head


def _read_ahead(
    items: Iterable[Item], workers: Workers, stopped: threading.Event
) -> "Generator[_Item, None, None]":
    """Yield the items, read by another thread, with a few frames more than workers under way."""
    room = threading.Semaphore(workers.count + _READ_AHEAD)
    ready: queue.SimpleQueue[_Item | Exception | None] = queue.SimpleQueue()
    is_left = threading.Event()

    def read() -> None:
        try:
            for item in items:
                if not isinstance(item, Frame):
                    ready.put(item)
                    continue
                room.acquire()
                if is_left.is_set():
                    return
                ready.put(_begin(item, workers))
                if stopped.is_set():
                    break
            ready.put(None)
        except Exception as error:
            ready.put(error)

    thread = threading.Thread(target=read, name="video-reader", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
            if isinstance(item, _Pending):
                room.release()
    finally:
        is_left.set()
        room.release()
        thread.join()


def _begin(frame: Frame, workers: Workers) -> _Pending:
    """Let the frame be sharpened; a damaged one stays as it is, or its faults would be sharper."""
    if frame.damage is Damage.NONE:
        return _Pending(frame, workers.threads.submit(workers.sharpen, frame.pixels))
    unchanged: Future[Pixels] = Future()
    unchanged.set_result(frame.pixels)
    return _Pending(frame, unchanged)


def _write(
    items: "Iterable[_Item]",
    target: Target,
    source: Source,
    watcher: Watcher,
    stopped: threading.Event,
) -> Outcome:
    damages: Counter[Damage] = Counter()
    cut_short = None
    for item in items:
        if isinstance(item, CutShort):
            cut_short = item.reason
        elif isinstance(item, _Pending):
            if stopped.is_set() and damages and item.pixels.cancel():
                break
            frame, time_base = item.frame, source.time_base
            stamp_s, duration_s = frame.stamp * time_base, frame.duration * time_base
            target.write_frame(item.pixels.result(), stamp_s, duration_s)
            damages[frame.damage] += 1
            watcher.count()
        else:
            target.write_packet(item)
    return Outcome(
        damages.total(), damages[Damage.BROKEN], damages[Damage.LOST], target.moved, cut_short
    )
