"""The one frame of a stream that waits; a newer one takes its place."""

import asyncio
from dataclasses import dataclass, field

from service.streams.options import StreamOptions


@dataclass(frozen=True)
class Frame:
    """A frame as it came: its number, its bytes, when, and the options in force then."""

    sequence: int
    data: bytes = field(repr=False)
    options: StreamOptions
    arrived_s: float


class NewestFrame:
    """Holds one frame from `put` to `take`."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._closed = False
        self._changed = asyncio.Event()

    def put(self, frame: Frame) -> Frame | None:
        """Let the frame wait, and return the one that waited until now."""
        replaced, self._frame = self._frame, frame
        self._changed.set()
        return replaced

    def close(self) -> None:
        """Say that no frame comes any more."""
        self._closed = True
        self._changed.set()

    async def take(self) -> Frame | None:
        """Wait for a frame and return it, or None once there will be none."""
        await self._changed.wait()
        if not self._closed:
            self._changed.clear()
        frame, self._frame = self._frame, None
        return frame
