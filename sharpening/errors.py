"""The one tree of errors that the project raises for bad input; nothing here acts on them.

A message says what was wrong, which value was seen, what was expected and what to do.
"""

from typing import Any


class SharpeningError(Exception):
    """Root of every error that input, and not a programmer, can cause.

    It can be sent to another process, whatever its constructor takes.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[SharpeningError], args: tuple[Any, ...], state: dict[str, Any]) -> object:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class ImageError(SharpeningError):
    """A picture cannot be used."""


class BrokenImageError(ImageError):
    """The bytes are not a complete picture."""


class UnsupportedImageError(ImageError):
    """The bytes are a picture of a kind that is not handled: its format, mode or frame count."""


class UnknownFormatError(UnsupportedImageError):
    """The bytes are no picture in any format that is handled."""


class ImageTooLargeError(ImageError):
    """The picture has more pixels than allowed; raised before any of them is decoded."""

    def __init__(self, *, width: int, height: int, max_pixels: int) -> None:
        self.got_megapixels = width * height / 1e6
        self.limit_megapixels = max_pixels / 1e6
        super().__init__(
            f"the picture is {width}x{height} ({self.got_megapixels:.1f} megapixels); "
            f"the limit is {self.limit_megapixels:.1f} megapixels: send a smaller picture"
        )


class CannotEncodeError(ImageError):
    """The picture cannot be written in the format asked for without losing something."""


class SizeMismatchError(ImageError):
    """Two pictures that must be compared differ in size; they are never resized."""


class VideoError(SharpeningError):
    """A video or a camera cannot be read, or written as asked."""


class WeightsError(SharpeningError):
    """A weights file is missing, damaged or does not match what it says of itself."""


class ParameterError(SharpeningError):
    """A parameter is outside its range."""


class DeviceError(SharpeningError):
    """A device or runtime that was asked for is not there."""


class TrainingError(SharpeningError):
    """A training run cannot start or go on: its data, configuration or run folder is unusable."""
