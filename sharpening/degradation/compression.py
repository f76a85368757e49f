"""What JPEG and H.264 do to a picture: it is encoded and decoded by the usual libraries.

PyAV is imported only where a picture is to go through H.264: who never asks for that need not
have it.
"""

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image as PillowImage
from pydantic import Field

from sharpening.degradation.pixels import Pixels, Value
from sharpening.errors import DeviceError

if TYPE_CHECKING:
    from av import VideoCodecContext, VideoFrame

_MACROBLOCK_PX = 16
_FRAMES_PER_S = 30


class Jpeg(Value):
    """A photograph as it was saved, by Pillow."""

    codec: Literal["jpeg"] = "jpeg"
    quality: int = Field(ge=1, le=100)
    subsampling: Literal["4:2:0", "4:4:4"] = "4:2:0"

    def apply(self, pixels: Pixels) -> Pixels:
        """Return `pixels`, `(H, W, 3)` uint8, encoded and decoded."""
        buffer = io.BytesIO()
        PillowImage.fromarray(np.ascontiguousarray(pixels)).save(
            buffer, "JPEG", quality=self.quality, subsampling=self.subsampling
        )
        with PillowImage.open(buffer) as decoded:
            return np.asarray(decoded)


class H264(Value):
    """The last of a few frames of a video call, by x264 at its quickest to answer.

    The scene moves by `pan_px` from frame to frame, so that the last one is mostly guessed from
    those before it, as in a call; one frame alone is coded by itself.
    """

    codec: Literal["h264"] = "h264"
    rate_factor: int = Field(ge=0, le=51)
    """x264's constant rate factor: about 23 is good, above 30 is a poor connection."""
    frames: int = Field(default=4, ge=1, le=30)
    pan_px: tuple[float, float] = (0.5, 0.25)
    """Rightwards and downwards."""

    def apply(self, pixels: Pixels) -> Pixels:
        """Return `pixels`, `(H, W, 3)` uint8, as the last frame shows them.

        The codec sees whole macroblocks of 16 px: a picture goes on as its mirror image. Raises
        `DeviceError` without PyAV, or with one that lacks x264.
        """
        height, width = pixels.shape[:2]
        last = _transcode(list(self._film(pixels)), self.rate_factor)[-1]
        return _to_pixels(last)[:height, :width]

    def _film(self, pixels: Pixels) -> Iterator[Pixels]:
        """Yield the frames; the last is the picture itself, unmoved."""
        height, width = pixels.shape[:2]
        below, right = -height % _MACROBLOCK_PX, -width % _MACROBLOCK_PX
        padded = np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="symmetric")
        picture = PillowImage.fromarray(padded)
        for earlier in range(self.frames - 1, 0, -1):
            yield _move(picture, self.pan_px[0] * earlier, self.pan_px[1] * earlier)
        yield padded


def _move(picture: PillowImage.Image, right_px: float, down_px: float) -> Pixels:
    """Return what the camera saw that far to the right and below, bicubic, mirrored at the edge."""
    margin = int(max(abs(right_px), abs(down_px))) + 3
    padding = ((margin, margin), (margin, margin), (0, 0))
    wider = PillowImage.fromarray(np.pad(np.asarray(picture), padding, mode="symmetric"))
    place = (1, 0, margin + right_px, 0, 1, margin + down_px)
    transform = PillowImage.Transform.AFFINE
    return np.asarray(
        wider.transform(picture.size, transform, place, PillowImage.Resampling.BICUBIC)
    )


def transcode(frames: list[Pixels], rate_factor: int) -> list[Pixels]:
    """Return the frames of a film, `(H, W, 3)` uint8 of whole macroblocks, as a call shows them.

    Raises as `H264.apply` does.
    """
    return [_to_pixels(frame) for frame in _transcode(frames, rate_factor)]


def _transcode(frames: list[Pixels], rate_factor: int) -> "list[VideoFrame]":
    """Return the frames after x264 and FFmpeg's decoder."""
    encoder, decoder = _open_codecs(frames[0].shape[:2], rate_factor)
    from av import VideoFrame  # after `_open_codecs`, which says how to get PyAV

    decoded = []
    for number, pixels in enumerate(frames):
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame = frame.reformat(format="yuv420p")
        frame.pts = number
        decoded += [each for packet in encoder.encode(frame) for each in decoder.decode(packet)]
    decoded += [each for packet in encoder.encode(None) for each in decoder.decode(packet)]
    decoded += decoder.decode(None)
    assert len(decoded) == len(frames)
    return decoded


def _to_pixels(frame: "VideoFrame") -> Pixels:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _open_codecs(
    size: tuple[int, ...], rate_factor: int
) -> "tuple[VideoCodecContext, VideoCodecContext]":
    """Return encoder and decoder, each of one thread, so that the same always comes of the same."""
    try:
        from av import VideoCodecContext

        encoder = VideoCodecContext.create("libx264", "w")
    except (ImportError, ValueError) as error:
        raise DeviceError(
            f"H.264 needs PyAV with x264, which is not there ({error}): "
            'install it with `pip install "sharpening-service[trainer]"`'
        ) from error
    encoder.height, encoder.width = size
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, _FRAMES_PER_S)
    encoder.options = {"crf": str(rate_factor), "preset": "veryfast", "tune": "zerolatency"}
    decoder = VideoCodecContext.create("h264", "r")
    encoder.thread_count = decoder.thread_count = 1
    return encoder, decoder
