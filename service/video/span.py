"""The part of a video that is wanted, and how its time stamps become those of the output."""

from dataclasses import dataclass
from fractions import Fraction

from sharpening.errors import ParameterError


@dataclass(frozen=True)
class Span:
    """From `start_s` of the video on, for `duration_s` or to the end."""

    start_s: float = 0.0
    duration_s: float | None = None

    def __post_init__(self) -> None:
        """Raise `ParameterError` for a span without anything in it."""
        if not 0 <= self.start_s < float("inf"):
            raise ParameterError(f"the start is {self.start_s} s; expected 0 or more")
        if self.duration_s is not None and not self.duration_s > 0:
            raise ParameterError(f"the duration is {self.duration_s} s; expected more than 0")


@dataclass(frozen=True)
class Clock:
    """A span within a video whose own time begins at `origin_s`."""

    span: Span
    origin_s: Fraction = Fraction(0)

    @property
    def begin_s(self) -> Fraction:
        """The source's time that is 0 in the output."""
        return self.origin_s + Fraction(self.span.start_s)

    @property
    def end_s(self) -> Fraction | None:
        """The source's time at which the output ends."""
        if self.span.duration_s is None:
            return None
        return self.begin_s + Fraction(self.span.duration_s)

    def shift(self, stamp: int, time_base: Fraction) -> int:
        """Return a time stamp of the source as one of the output."""
        return stamp - round(self.begin_s / time_base)

    def is_early(self, stamp: int, time_base: Fraction) -> bool:
        """Whether that is before the span; nothing is, where no start is asked for."""
        return self.span.start_s > 0 and self.shift(stamp, time_base) < 0

    def is_late(self, stamp: int, time_base: Fraction) -> bool:
        """Whether that is after the span."""
        return self.end_s is not None and stamp >= round(self.end_s / time_base)
