"""Which encoder writes a video, in which pixel format, and what a quality means to it.

Opens nothing and knows no streams.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from av.codec.codec import Codec, UnknownCodecError, find_best_pix_fmt_of_list
from av.video.format import VideoFormat

from sharpening.errors import ParameterError, VideoError


@dataclass(frozen=True)
class Scale:
    """How an encoder counts quality: the smaller the number, the better."""

    best: int
    worst: int
    default: int
    options: Mapping[str, str] = field(default_factory=dict)
    """What else the encoder needs so that the quality alone decides, quickly and without a word."""
    names: tuple[str, ...] = ("crf",)
    """The options that set it."""


_QUANTISER = ("qmin", "qmax")
_QUICK_VPX = {"deadline": "realtime", "cpu-used": "5"}

_SCALES = {
    "libx264": Scale(0, 51, 18, {"preset": "veryfast"}),
    "libx265": Scale(0, 51, 20, {"preset": "veryfast", "x265-params": "log-level=none"}),
    "libvpx-vp9": Scale(0, 63, 24, {**_QUICK_VPX, "row-mt": "1"}),
    "libvpx": Scale(4, 63, 10, {**_QUICK_VPX, "b": "50M"}),
    "libsvtav1": Scale(1, 63, 24, {"preset": "10"}),
    "mpeg4": Scale(1, 31, 2, {"b": "200M"}, _QUANTISER),
    "mpeg2video": Scale(1, 31, 2, {"b": "200M"}, _QUANTISER),
    "mjpeg": Scale(1, 31, 2, {"b": "200M"}, _QUANTISER),
}
"""By encoder. The others have no quality to set, such as lossless ones, and go by themselves."""

KEPT = frozenset(
    {"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "mjpeg", "prores", "ffv1"}
)
"""What comes in one of these goes out in it too, unless told otherwise; others go out anew."""


def find_encoder(name: str) -> Codec:
    """Return the encoder of that name, or the best for the format of that name.

    Raises `ParameterError` if FFmpeg, as it was built here, has none for video.
    """
    try:
        encoder = Codec(name, "w")
    except UnknownCodecError:
        encoder = None
    if encoder is None or encoder.type != "video":
        raise ParameterError(
            f"no video encoder is called {name!r}: take one such as {', '.join(_SCALES)}"
        )
    return encoder


def choose_options(encoder: Codec, quality: int | None) -> dict[str, str]:
    """Return the encoder's options for the quality, or for its usual one.

    Raises `ParameterError` for a quality that the encoder does not have.
    """
    scale = _SCALES.get(encoder.name)
    if scale is None:
        if quality is not None:
            raise ParameterError(
                f"{encoder.name} has no quality to set: leave it out, or take one of "
                f"{', '.join(_SCALES)}"
            )
        return {}
    chosen = scale.default if quality is None else quality
    if not scale.best <= chosen <= scale.worst:
        raise ParameterError(
            f"quality is {chosen}; {encoder.name} has {scale.best} (best) to {scale.worst}"
        )
    return dict.fromkeys(scale.names, str(chosen)) | dict(scale.options)


def choose_format(encoder: Codec, source: VideoFormat) -> VideoFormat:
    """Return the pixel format, without transparency, that keeps the most of the source's.

    FFmpeg's `yuvj` formats are left for the plain ones that say their range apart.
    """
    plain = source.name.replace("yuvj", "yuv").replace("yuva", "yuv")
    if source.has_palette:
        plain = "rgb24"
    known = [layout.name for layout in encoder.video_formats or ()]
    if not known or plain in known:
        return VideoFormat(plain)
    usable = [name for name in known if not name.startswith("yuvj")] or known
    best, _ = find_best_pix_fmt_of_list(usable, plain)
    if best is None:
        raise VideoError(f"{encoder.name} cannot hold pixels such as {source.name}: choose another")
    return best
