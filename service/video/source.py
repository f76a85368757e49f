"""Reading a video in order: its frames upright and in RGB, what goes with them as it came.

Never sharpens and never writes. What is damaged goes on with a mark, so that somebody can count it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import Enum, auto
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import av
from av import Packet, VideoFrame
from av.codec.context import Flags, ThreadType
from av.container import InputContainer
from av.error import FFmpegError
from av.format import Flags as FormatFlags
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from service.video.colour import FrameReader, Pixels
from service.video.orientation import read_orientation
from service.video.span import Clock, Span
from sharpening.errors import VideoError

_USUAL_RATE = Fraction(25)
_WITHOUT_STAMPS = frozenset({"avi"})
"""Containers whose packets are counted as they are decoded, not as they are shown."""

_APART_S = 10
"""Streams lie so near to each other in a file that what ends later has been read by then."""


class Damage(Enum):
    """What is wrong with a frame."""

    NONE = auto()
    BROKEN = auto()
    """Decoded, with errors in it."""
    LOST = auto()
    """Not decoded: it shows the frame before it."""


@dataclass(frozen=True)
class Frame:
    """A picture, `(H, W, 3)` RGB, upright, with its time in the stream's time base."""

    pixels: Pixels
    stamp: int
    duration: int
    aspect: Fraction
    """How many times as wide as high a pixel is."""
    damage: Damage = Damage.NONE


@dataclass(frozen=True)
class CutShort:
    """The file ends before it should."""

    reason: str


Item: TypeAlias = "Frame | Packet[Stream] | CutShort"
"""What a video comes apart into; the packets are those of the streams that are not decoded."""


@dataclass(frozen=True)
class Source:
    """A video that is open for reading, and its streams: the one to sharpen and the others."""

    container: InputContainer
    video: VideoStream
    others: tuple[Stream, ...]
    clock: Clock

    @property
    def time_base(self) -> Fraction:
        """The unit of the frames' time stamps, in seconds."""
        return self.video.time_base or 1 / self.rate

    @property
    def rate(self) -> Fraction:
        """Frames a second, in the mean."""
        return self.video.average_rate or self.video.guessed_rate or _USUAL_RATE

    def estimate_frames(self) -> int | None:
        """Return about how many frames the span has, if the file says how long it is."""
        whole_us = self.container.duration
        if not whole_us:
            return None
        rest_s = max(0.0, whole_us / 1e6 - self.clock.span.start_s)
        wanted_s = self.clock.span.duration_s
        return round(float(self.rate) * (rest_s if wanted_s is None else min(rest_s, wanted_s)))


@contextmanager
def open_source(path: Path, span: Span) -> Iterator[Source]:
    """Open a video file of any kind that FFmpeg reads.

    Raises `OSError` if there is none, `VideoError` if it is no video.
    """
    path.open("rb").close()  # a message of Python's own for what is not there or may not be read
    try:
        container = av.open(str(path), metadata_errors="replace")
    except FFmpegError as error:
        raise VideoError(f"{path} is not a video that FFmpeg can read: {error.strerror}") from error
    with container:
        video = _find_video(container, path)
        others = tuple(
            stream
            for stream in container.streams
            # what FFmpeg itself discards, such as the text of chapters, it has read by now
            if stream is not video and stream.discard != Discard.all
        )
        yield Source(container, video, others, Clock(span, _find_origin(container)))


def read_items(source: Source) -> Iterator[Item]:
    """Yield the frames of the span, in the order in which they are shown, and between them packets.

    Packets, of the other streams, come as they lie in the file. Time stamps are the output's.
    """
    decoder = _Decoder(source)
    for item in _demux(source):
        if isinstance(item, CutShort):
            yield item
        elif item.stream is source.video:
            yield from decoder.decode(item)
        elif item.size and (moved := _move(item, source.clock)):
            yield moved
    yield from decoder.finish()


class _Decoder:
    """Decodes the video stream, and fills the places of frames that cannot be decoded."""

    def __init__(self, source: Source) -> None:
        self._clock = source.clock
        self._context = source.video.codec_context
        self._time_base = source.time_base
        self._step = max(1, round(1 / (source.rate * source.time_base)))
        self._end = _find_end(source.video)
        self._has_stamps = source.container.format.name not in _WITHOUT_STAMPS
        self._aspect = source.video.sample_aspect_ratio or Fraction(1)
        self._reader = FrameReader()
        self._awaited: set[int] = set()
        self._failures = 0
        self._last: Frame | None = None
        self._context.thread_type = ThreadType.AUTO
        # what is broken is to be shown, as players do, and not left out
        self._context.flags |= Flags.output_corrupt

    def decode(self, packet: "Packet[Any]") -> Iterator[Frame]:
        """Yield the frames that this packet completes; none once the span is over."""
        last = self._last
        is_over = last is not None and self._clock.is_late(last.stamp, self._time_base)
        if is_over or not packet.size:
            return
        if packet.pts is not None and not packet.is_discard:
            self._awaited.add(packet.pts)
        yield from self._decode(packet)

    def finish(self) -> Iterator[Frame]:
        """Yield what the decoder still holds."""
        yield from self._decode(None)
        yield from self._replace_lost(None)
        if self._last is not None:
            yield from self._select(self._last, self._end)

    def _decode(self, packet: "Packet[Any] | None") -> Iterator[Frame]:
        try:
            decoded = self._context.decode(packet)
        except FFmpegError:
            self._failures += 1
            return
        for stored in decoded:
            frame = self._read(stored)
            yield from self._replace_lost(frame.stamp)
            yield from self._keep(frame)

    def _read(self, stored: VideoFrame) -> Frame:
        orientation = read_orientation(stored)
        aspect = self._aspect
        return Frame(
            orientation.turn(self._reader.read(stored)),
            self._find_stamp(stored),
            stored.duration or self._step,
            1 / aspect if orientation.is_transposed else aspect,
            Damage.BROKEN if stored.is_corrupt else Damage.NONE,
        )

    def _find_stamp(self, stored: VideoFrame) -> int:
        """Return the frame's time; frames come in the order in which they are shown."""
        stamp = stored.pts if self._has_stamps else min(self._awaited, default=None)
        if self._last is None:
            return stamp or 0
        if stamp is None or stamp <= self._last.stamp:
            return self._last.stamp + self._last.duration
        return stamp

    def _replace_lost(self, before: int | None) -> Iterator[Frame]:
        """Yield the last frame again for each packet that came to nothing before that time.

        Some packets never were to be seen: only as many as could not be decoded are replaced.
        """
        passed = sorted(stamp for stamp in self._awaited if before is None or stamp < before)
        self._awaited.difference_update(passed if before is None else [*passed, before])
        lost = passed[: self._failures]
        self._failures -= len(lost)
        for stamp in lost:
            if self._last is not None:
                yield from self._keep(replace(self._last, stamp=stamp, damage=Damage.LOST))

    def _keep(self, frame: Frame) -> Iterator[Frame]:
        """Take the frame as the last, and yield the one before it, which lasts until this one."""
        before, self._last = self._last, frame
        if before is not None:
            yield from self._select(before, frame.stamp)

    def _select(self, frame: Frame, end: int | None) -> Iterator[Frame]:
        """Yield the frame with the output's time if it is of the span."""
        clock, time_base = self._clock, self._time_base
        if clock.is_early(frame.stamp, time_base) or clock.is_late(frame.stamp, time_base):
            return
        duration = frame.duration if end is None else end - frame.stamp
        if end == self._end and not 0 < duration <= 2 * max(frame.duration, self._step):
            duration = frame.duration  # what is said of the end cannot be: the file was cut off
        stamp = clock.shift(frame.stamp, time_base)
        yield replace(frame, stamp=stamp, duration=duration)


def _demux(source: Source) -> "Iterator[Packet[Stream] | CutShort]":
    """Yield the packets from the key frame before the span until all that belongs to it is read."""
    clock = source.clock
    if clock.span.start_s:
        with suppress(FFmpegError):  # what cannot be sought is read, and left out, from the first
            source.container.seek(int(clock.begin_s / source.time_base), stream=source.video)
    try:
        for packet in source.container.demux():
            if _is_far_beyond(packet, clock):
                return
            yield packet
    except FFmpegError as error:
        yield CutShort(str(error.strerror))


def _is_far_beyond(packet: "Packet[Stream]", clock: Clock) -> bool:
    stamp, time_base = packet.dts if packet.pts is None else packet.pts, packet.time_base
    if stamp is None or time_base is None:
        return False
    return clock.is_late(stamp - round(_APART_S / time_base), time_base)


def _move(packet: "Packet[Stream]", clock: Clock) -> "Packet[Stream] | None":
    """Give a packet the output's time; None if it is not of the span."""
    time_base = packet.time_base
    stamp = packet.dts if packet.pts is None else packet.pts
    if packet.stream.disposition & Disposition.attached_pic:  # shown all the time
        packet.pts = packet.dts = 0
        return packet
    if stamp is None or time_base is None:
        return packet
    if clock.is_early(stamp, time_base) or clock.is_late(stamp, time_base):
        return None
    packet.pts = None if packet.pts is None else clock.shift(packet.pts, time_base)
    packet.dts = None if packet.dts is None else clock.shift(packet.dts, time_base)
    return packet


def _find_video(container: InputContainer, path: Path) -> VideoStream:
    """Return the main video stream; a cover picture is none."""
    videos = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not videos:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise VideoError(f"{path} has no video stream, only {kinds}: there is nothing to sharpen")
    best = container.streams.best("video")
    chosen = next((stream for stream in videos if stream is best), videos[0])
    if chosen.codec_context is None:
        raise VideoError(f"{path}: FFmpeg, as it was built here, has no decoder for its video")
    return chosen


def _find_end(video: VideoStream) -> int | None:
    """Return when the last frame ends, if the file says so."""
    if video.duration is None:
        return None
    return (video.start_time or 0) + video.duration


def _find_origin(container: InputContainer) -> Fraction:
    """Return when the video's own time begins: broadcasts count from anywhere, files from 0."""
    counts_from_anywhere = FormatFlags.ts_discont in FormatFlags(container.format.flags)
    return (
        Fraction(container.start_time or 0, av.time_base) if counts_from_anywhere else Fraction(0)
    )
