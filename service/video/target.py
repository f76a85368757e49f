"""Writing a video: sharpened frames encoded, the packets of the other streams copied.

Never decodes and never decides which frames there are.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
from av import Packet, VideoFormat
from av.codec.codec import Codec
from av.codec.context import Flags
from av.container import OutputContainer
from av.error import FFmpegError
from av.stream import Stream
from av.video.reformatter import ColorRange, ColorTrc
from av.video.stream import VideoStream

from service.video.colour import Colour, FrameWriter, Pixels, adapt_colour
from service.video.encoders import KEPT, choose_format, choose_options, find_encoder
from service.video.source import Frame, Source
from sharpening.errors import ParameterError, VideoError

_FIXED_RATE = frozenset({"avi", "mxf", "gxf"})
"""Containers that number their frames instead of giving each its time."""

_LENGTH_BY_DECODING = frozenset({"mp4", "mov", "ipod", "3gp", "3g2", "psp", "ismv", "f4v"})
"""Containers whose length is that of their packets in the order in which they are decoded."""

_MPEG4_TICKS = 65535
"""MPEG-4 Part 2 has 16 bits for the ticks of a second."""

_TOLERANCE_S = Fraction(1, 1000)

_OF_THE_CONTAINER = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder"})
"""Metadata that say how the source was packed."""


@dataclass(frozen=True)
class Encoding:
    """How the video is to be encoded; None is what fits."""

    codec: str | None = None
    quality: int | None = None


class Target:
    """A video that is open for writing."""

    def __init__(
        self,
        container: OutputContainer,
        stream: VideoStream,
        copies: Mapping[int, Stream],
        writer: FrameWriter,
    ) -> None:
        """`copies` are the streams of the output by the source's numbers of them."""
        self._container = container
        self._stream = stream
        self._copies = copies
        self._writer = writer
        self._first: int | None = None
        self._first_decoded: int | None = None
        self._last: int | None = None
        self._end = 0
        self.moved = 0
        """Frames that are shown more than a millisecond before or after their time."""

    def write_frame(self, pixels: Pixels, stamp_s: Fraction, duration_s: Fraction) -> None:
        """Encode the pixels, `(H, W, 3)` RGB, for that time.

        One that would not come after the last frame is moved until it does.
        """
        time_base = self._stream.codec_context.time_base
        stamp = round(stamp_s / time_base)
        self._last = stamp if self._last is None else max(stamp, self._last + 1)
        frame = self._writer.write(pixels)
        frame.pts = self._last
        frame.time_base = time_base
        frame.duration = round(duration_s / time_base)
        self._first = self._last if self._first is None else self._first
        self._end = self._last + frame.duration
        self.moved += abs(self._last * time_base - stamp_s) > _TOLERANCE_S
        self._mux(self._stream.encode(frame))

    def write_packet(self, packet: "Packet[Stream]") -> None:
        """Copy a packet of another stream, if that stream is kept."""
        copy = self._copies.get(packet.stream.index)
        if copy is not None:
            packet.stream = copy
            self._container.mux(packet)

    def finish(self) -> None:
        """Write what the encoder still holds; only then is the file complete."""
        packets = self._stream.encode(None)
        if packets and self._container.format.name in _LENGTH_BY_DECODING:
            self._stretch(packets[-1])
        self._mux(packets)

    def _mux(self, packets: list["Packet[VideoStream]"]) -> None:
        if packets and self._first_decoded is None:
            self._first_decoded = packets[0].dts
        self._container.mux(packets)

    def _stretch(self, packet: "Packet[VideoStream]") -> None:
        """Let the last packet to be decoded, not always the last to be shown, end the video."""
        if self._first is None or self._first_decoded is None or packet.dts is None:
            return
        shown, decoded = self._end - self._first, packet.dts - self._first_decoded
        packet.duration = max(packet.duration or 0, shown - decoded)


@contextmanager
def open_target(
    path: Path, source: Source, first: Frame, encoding: Encoding
) -> Iterator[tuple[Target, tuple[str, ...]]]:
    """Open a video for writing; yields it with what of the source it cannot keep, in words.

    Its size is that of the `first` frame. It is complete when the block ends. Raises `VideoError`
    for a container or an encoder that cannot hold the video, `ParameterError` for one that is not
    there.
    """
    with _open_container(path) as container:
        encoder = _choose_encoder(container, source, encoding)
        stream, writer = _add_video(container, encoder, source, first, encoding)
        copies = {}
        losses = list(_list_losses(source, VideoFormat(str(stream.pix_fmt))))
        for other in source.others:
            if _can_hold(container, other):
                copies[other.index] = _add_copy(container, other)
            else:
                losses.append(_name_left_out(other, container))
        _copy_metadata(source, container)
        try:
            container.start_encoding()
        except (FFmpegError, ValueError) as error:
            raise VideoError(
                f"{encoder.name} in {container.format.name} cannot hold this video of "
                f"{stream.width}x{stream.height} px, {stream.pix_fmt}: "
                f"{getattr(error, 'strerror', error)}; choose another codec, or a name that ends "
                "otherwise"
            ) from error
        target = Target(container, stream, copies, writer)
        yield target, tuple(losses)
        target.finish()


def _open_container(path: Path) -> OutputContainer:
    try:
        container = av.open(str(path), "w")
    except (FFmpegError, ValueError) as error:
        raise VideoError(
            f"{path.suffix or 'a name without a suffix'} says no kind of video: end the name in "
            ".mp4, .mkv, .mov or .webm"
        ) from error
    if container.format.no_file or container.default_video_codec == "none":
        raise VideoError(f"{path.suffix} holds no video: end the name in .mp4, .mkv, .mov or .webm")
    return container


def _choose_encoder(container: OutputContainer, source: Source, encoding: Encoding) -> Codec:
    """Return the encoder asked for, else the source's own, else what the container usually has."""
    if encoding.codec is not None:
        return find_encoder(encoding.codec)
    own = source.video.codec_context.codec.canonical_name
    if own in KEPT and _can_hold(container, source.video):
        return find_encoder(own)
    try:
        return find_encoder(container.default_video_codec)
    except ParameterError as error:
        raise VideoError(
            f"{container.format.name} usually holds {container.default_video_codec}, which cannot "
            "be written here: choose a codec, or a name that ends in .mp4 or .mkv"
        ) from error


def _add_video(
    container: OutputContainer, encoder: Codec, source: Source, first: Frame, encoding: Encoding
) -> tuple[VideoStream, FrameWriter]:
    try:
        stream = container.add_stream(encoder.name, rate=source.rate)
    except ValueError as error:
        raise VideoError(
            f"{container.format.name} cannot hold {encoder.name}: choose another codec, or a name "
            "that ends otherwise, such as in .mkv"
        ) from error
    assert isinstance(stream, VideoStream)
    context = stream.codec_context
    context.options = choose_options(encoder, encoding.quality)
    before = VideoFormat(str(source.video.codec_context.pix_fmt))
    after = choose_format(encoder, before)
    context.height, context.width = first.pixels.shape[:2]
    context.pix_fmt = after.name
    context.sample_aspect_ratio = first.aspect
    context.time_base = _choose_time_base(container.format.name, encoder, source)
    context.flags |= Flags.frame_duration
    if container.format.name == "avi":  # it has no times to say in which order frames are shown
        context.max_b_frames = 0
    colour = Colour.of(source.video.codec_context)
    colour = adapt_colour(colour, before, after, context.height)
    if encoder.name == "mjpeg":  # JPEG has no other range
        colour = replace(colour, range=int(ColorRange.JPEG))
    colour.tag(context)
    _describe(source.video, stream)
    return stream, FrameWriter(context.width, context.height, after, colour)


def _choose_time_base(container: str, encoder: Codec, source: Source) -> Fraction:
    """Return the source's unit of time, or the finest that container and encoder can count in."""
    rate = source.rate
    if container in _FIXED_RATE:
        return 1 / rate
    if encoder.name == "mpeg4" and source.time_base.denominator > _MPEG4_TICKS:
        return Fraction(1, rate.numerator * max(1, _MPEG4_TICKS // rate.numerator))
    return source.time_base


def _can_hold(container: OutputContainer, stream: Stream) -> bool:
    """Whether a container of this kind can hold this stream: one in memory tries."""
    try:
        with av.open(io.BytesIO(), "w", format=container.format.name) as trial:
            _add_copy(trial, stream)
            trial.start_encoding()
    except (FFmpegError, ValueError):
        return False
    return True


def _add_copy(container: OutputContainer, source: Stream) -> Stream:
    stream = container.add_stream_from_template(source)
    _describe(source, stream)
    return stream


def _describe(source: Stream, stream: Stream) -> None:
    """Let a stream be called and chosen as the source's is."""
    stream.metadata.update(
        {name: text for name, text in source.metadata.items() if name not in _OF_THE_CONTAINER}
    )
    stream.disposition = source.disposition


def _copy_metadata(source: Source, container: OutputContainer) -> None:
    """Copy title, date and the like, and the chapters of the span."""
    container.metadata.update(
        {
            name: text
            for name, text in source.container.metadata.items()
            if name not in _OF_THE_CONTAINER
        }
    )
    clock = source.clock
    chapters = []
    for chapter in source.container.chapters():
        time_base = chapter["time_base"] or Fraction(1, av.time_base)
        start, end = (clock.shift(chapter[edge], time_base) for edge in ("start", "end"))
        if end > 0 and not clock.is_late(chapter["start"], time_base):
            moved = chapter.copy()
            moved["start"], moved["end"] = max(0, start), end
            chapters.append(moved)
    container.set_chapters(chapters)


def _list_losses(source: Source, after: VideoFormat) -> Iterator[str]:
    """Yield in words what of the picture itself the output will not have."""
    context = source.video.codec_context
    before = VideoFormat(str(context.pix_fmt))
    bits, bits_left = (max(each.bits for each in kind.components) for kind in (before, after))
    if any(component.is_alpha for component in before.components):
        yield "its transparency is not kept"
    if bits_left < bits:
        yield f"its {bits} bits a colour become {bits_left}: another codec may keep them"
    if context.color_trc == ColorTrc.SMPTE2084:
        yield "what HDR10 says of the screen it was made on is not kept; its colours are"


def _name_left_out(stream: Stream, container: OutputContainer) -> str:
    codec = "" if stream.codec_context is None else f" ({stream.codec_context.codec.name})"
    return (
        f"stream {stream.index}, {stream.type}{codec}, is left out: {container.format.name} cannot "
        "hold it as it is; a name that ends as the source's does may"
    )
