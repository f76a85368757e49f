"""How many streams there may be at one time, and how all of them are told to end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.errors import TooBusyError

_RETRY_S = 10.0
"""A guess: how long a stream goes on, only who sends it knows."""

Stop = Callable[[], None]


class StreamGate:
    """Lets in `max_streams`."""

    def __init__(self, *, max_streams: int) -> None:
        self.max_streams = max_streams
        self._stops: set[Stop] = set()

    @property
    def open(self) -> int:
        """How many streams there are."""
        return len(self._stops)

    @contextmanager
    def enter(self, stop: Stop) -> Iterator[None]:
        """Hold one of the places; `stop` is called when all are to end.

        Raises `TooBusyError` where none is free.
        """
        if self.open >= self.max_streams:
            raise TooBusyError(f"{self.open} streams are open already: try again later", _RETRY_S)
        self._stops.add(stop)
        try:
            yield
        finally:
            self._stops.discard(stop)

    def stop(self) -> None:
        """Have every stream finish what it took and end; more than once does no harm."""
        for stop in tuple(self._stops):
            stop()
