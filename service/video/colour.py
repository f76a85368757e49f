"""Frames of a video as the core's pictures and back, by the matrix and the range that they state.

Never guesses where a frame says what its numbers mean, and looks at no pixel itself.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from av import VideoFormat, VideoFrame
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

Pixels = npt.NDArray[Any]

_EXACT = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
"""There and back moves brightness by one level of 255 at the most; FFmpeg's quick way by two."""

_UNSPECIFIED = 2
_BT709, _BT601 = 1, 6
_HIGH_DEFINITION_PX = 720
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}
"""By the matrix of a stream (ITU-T H.273), the name that swscale has for it."""


@dataclass(frozen=True)
class Colour:
    """What the numbers of a frame mean, in the codes of ITU-T H.273; the range in FFmpeg's."""

    matrix: int
    range: int
    primaries: int
    transfer: int

    @classmethod
    def of(cls, source: VideoFrame | VideoCodecContext) -> "Colour":
        """Return what a frame or a decoder says of it."""
        return cls(source.colorspace, source.color_range, source.color_primaries, source.color_trc)

    def tag(self, target: VideoFrame | VideoCodecContext) -> None:
        """Let a frame or an encoder say the same."""
        target.colorspace = self.matrix
        target.color_range = self.range
        target.color_primaries = self.primaries
        target.color_trc = self.transfer


def adapt_colour(colour: Colour, before: VideoFormat, after: VideoFormat, height: int) -> Colour:
    """Return what to say of frames that are stored as `after` instead of `before`.

    Numbers that were RGB have no matrix yet, and those that become RGB have none any more.
    """
    was_rgb = before.is_rgb or before.has_palette
    if was_rgb and not after.is_rgb:
        return replace(colour, matrix=_guess_matrix(height), range=int(ColorRange.MPEG))
    if after.is_rgb and not was_rgb:
        return replace(colour, matrix=_UNSPECIFIED, range=int(ColorRange.JPEG))
    return colour


class FrameReader:
    """Turns frames into pictures; one for each thread."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def read(self, frame: VideoFrame) -> Pixels:
        """Return `(H, W, 3)` RGB: uint8, or uint16 where the frame is deeper than eight bits."""
        is_deep = max(component.bits for component in frame.format.components) > 8
        converted = self._reformatter.reformat(
            frame,
            format="rgb48le" if is_deep else "rgb24",
            src_colorspace=_find_matrix(Colour.of(frame), frame.height),
            src_color_range=_find_range(Colour.of(frame), frame.format),
            dst_color_range=ColorRange.JPEG,
            interpolation=_EXACT,
        )
        return np.asarray(converted.to_ndarray())


class FrameWriter:
    """Turns pictures into frames of one size, format and colour; one for each thread."""

    def __init__(self, width: int, height: int, layout: VideoFormat, colour: Colour) -> None:
        self._size = width, height
        self._layout = layout
        self._colour = colour
        self._reformatter = VideoReformatter()

    def write(self, pixels: Pixels) -> VideoFrame:
        """Return the frame that shows the pixels, `(H, W, 3)` RGB, uint8 or uint16."""
        name = "rgb24" if pixels.dtype == np.uint8 else "rgb48le"
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), name)
        frame.color_range = ColorRange.JPEG
        matrix = _find_matrix(self._colour, self._size[1])
        width, height = self._size
        converted = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format=self._layout.name,
            src_colorspace=matrix,
            dst_colorspace=matrix,
            dst_color_range=_find_range(self._colour, self._layout),
            interpolation=_EXACT,
        )
        self._colour.tag(converted)
        return converted


def _find_matrix(colour: Colour, height: int) -> int:
    """Return swscale's name of the matrix, or of what players take frames without one for."""
    return _MATRICES.get(colour.matrix, _MATRICES[_guess_matrix(height)])


def _guess_matrix(height: int) -> int:
    return _BT709 if height >= _HIGH_DEFINITION_PX else _BT601


def _find_range(colour: Colour, layout: VideoFormat) -> int:
    """Return the range; where nothing is said, it is limited but for RGB and JPEG's own formats."""
    if colour.range in (ColorRange.MPEG, ColorRange.JPEG):
        return colour.range
    is_full = layout.is_rgb or layout.name.startswith("yuvj")
    return int(ColorRange.JPEG if is_full else ColorRange.MPEG)
