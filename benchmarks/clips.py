"""Short videos made of a photograph, with sound and subtitles, to test and to measure by."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from PIL import Image as PillowImage

from service.video.colour import Colour, FrameReader, FrameWriter

Pixels = npt.NDArray[np.uint8]

PHOTOGRAPH = Path(__file__).parents[1] / "examples" / "dog.png"
BT709 = Colour(matrix=1, range=1, primaries=1, transfer=1)
UNTAGGED = Colour(matrix=2, range=0, primaries=2, transfer=2)

_SAMPLE_RATE = 48000
_PAN_PX = 2


@dataclass(frozen=True)
class Clip:
    """How a video is to be written."""

    codec: str = "libx264"
    rate: Fraction = Fraction(25)
    time_base: Fraction = Fraction(1, 12800)
    stamps: Sequence[int] | None = None
    """When each frame is shown, in the time base; by default at the rate."""
    layout: str = "yuv420p"
    colour: Colour = BT709
    rotation_degrees: int = 0
    sound: str | None = "aac"
    subtitles: str | None = None
    options: Mapping[str, str] = field(default_factory=lambda: {"crf": "8"})


def pan(width: int, height: int, frames: int) -> Iterator[Pixels]:
    """Yield a view of the repository's photograph that moves by two pixels a frame.

    A photograph too small is enlarged.
    """
    with PillowImage.open(PHOTOGRAPH) as opened:
        photograph = opened.convert("RGB")
    needed = width + _PAN_PX * frames, height
    scale = max(1.0, needed[0] / photograph.width, needed[1] / photograph.height)
    size = round(photograph.width * scale), round(photograph.height * scale)
    pixels = np.asarray(photograph.resize(size) if scale > 1 else photograph)
    top = (pixels.shape[0] - height) // 2
    for left in range(0, _PAN_PX * frames, _PAN_PX):
        yield pixels[top : top + height, left : left + width]


def write_clip(path: Path, pictures: Iterable[Pixels], clip: Clip | None = None) -> None:
    """Write the pictures, all `(H, W, 3)` uint8, as a video."""
    clip = clip or Clip()
    frames = list(pictures)
    with av.open(str(path), "w") as container:
        stream = _add_video(container, frames[0].shape, clip)
        sound = None if clip.sound is None else container.add_stream(clip.sound, rate=_SAMPLE_RATE)
        if clip.subtitles is not None:
            container.add_mux_stream(clip.subtitles, time_base=Fraction(1, 1000))
        container.start_encoding()
        if clip.subtitles is not None:
            _write_subtitle(container, clip.subtitles)
        _write_video(container, stream, frames, clip)
        if isinstance(sound, AudioStream):
            _write_sound(container, sound, len(frames) / clip.rate)


def read_frames(path: Path) -> list[av.VideoFrame]:
    """Return the frames of the first video stream as they are stored."""
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def read_pictures(path: Path) -> list[npt.NDArray[Any]]:
    """Return them as they are stored, in RGB, uint8 or uint16."""
    reader = FrameReader()
    return [reader.read(frame) for frame in read_frames(path)]


def read_times(path: Path) -> list[Fraction]:
    """Return when each frame is shown, in seconds."""
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return [(frame.pts or 0) * (frame.time_base or Fraction(1)) for frame in frames]


def _add_video(container: OutputContainer, shape: tuple[int, ...], clip: Clip) -> VideoStream:
    stream = container.add_stream(clip.codec, rate=clip.rate, options=dict(clip.options))
    assert isinstance(stream, VideoStream)
    context = stream.codec_context
    context.height, context.width = shape[:2]
    context.pix_fmt = clip.layout
    context.time_base = clip.time_base
    clip.colour.tag(context)
    if clip.rotation_degrees:
        stream.set_display_rotation(clip.rotation_degrees)
    return stream


def _write_video(
    container: OutputContainer, stream: VideoStream, frames: Sequence[Pixels], clip: Clip
) -> None:
    context = stream.codec_context
    layout = av.VideoFormat(clip.layout)
    writer = FrameWriter(context.width, context.height, layout, clip.colour)
    step = round(1 / clip.rate / clip.time_base)
    stamps = clip.stamps or range(0, step * len(frames), step)
    for pixels, stamp in zip(frames, stamps, strict=True):
        frame = writer.write(pixels)
        frame.pts, frame.time_base = stamp, clip.time_base
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _write_sound(container: OutputContainer, stream: AudioStream, duration_s: Fraction) -> None:
    """Write a sine of 440 Hz."""
    seconds = np.arange(round(duration_s * _SAMPLE_RATE)) / _SAMPLE_RATE
    wave: Any = np.sin(2 * np.pi * 440 * seconds).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts = _SAMPLE_RATE, 0
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _write_subtitle(container: OutputContainer, codec: str) -> None:
    text = b"A dog."
    packet = av.Packet(len(text).to_bytes(2, "big") + text if codec == "mov_text" else text)
    packet.stream = next(stream for stream in container.streams if stream.type == "subtitle")
    packet.time_base = Fraction(1, 1000)
    packet.pts = packet.dts = 100
    packet.duration = 200
    container.mux(packet)
