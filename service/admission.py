"""Who may work now, who waits and who is sent away: counted in pixels, on which the cost depends.

First come, first served: a large picture waits until there is room for it, and those behind it
wait too. Never decodes, never looks at what the work is, and knows neither HTTP nor threads; all
but `Place.check` belongs to the event loop.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from service.errors import AbandonedError, TooBusyError

LEAST_PIXELS = 256 * 256
"""What every picture counts as at the least: a tiny one takes its place and time too."""

_FIRST_GUESS = 5e6
"""Pixels a second, until something has been measured."""
_NEWEST_SHARE = 0.2
_LONGEST_RETRY_S = 300.0

Clock = Callable[[], float]


@dataclass(frozen=True)
class Limits:
    """Pixels that may be worked on and that may wait, and seconds that one may wait."""

    in_flight_pixels: int
    queued_pixels: int
    wait_s: float


class _LateError(TooBusyError):
    """The work would begin after its deadline."""


class Place:
    """The right of one request to work, from `Admission.admit`."""

    def __init__(self, kind: str, pixels: int, wait_s: float | None, clock: Clock) -> None:
        """`wait_s` is how long it waits at the most; one with None is patient."""
        self.kind = kind
        self.pixels = max(pixels, LEAST_PIXELS)
        self.wait_s = wait_s
        self.came_s = self.entered_s = clock()
        self.begun = False
        self._clock = clock
        self._abandoned = False

    @property
    def waited_s(self) -> float:
        """Seconds from coming to being let in."""
        return self.entered_s - self.came_s

    def abandon(self) -> None:
        """Note that nobody waits for the result any more."""
        self._abandoned = True

    def check(self) -> None:
        """Raise if the work is pointless; to be called before its first and every further piece.

        Raises `AbandonedError` once nobody waits for it, and `TooBusyError` if it begins after its
        deadline. Any thread may call this.
        """
        if self._abandoned:
            raise AbandonedError("the client went away")
        late = self.wait_s is not None and self._clock() - self.came_s > self.wait_s
        if late and not self.begun:
            raise _LateError("the picture waited too long for its turn: try again later", 1.0)
        self.begun = True


class Pace:
    """Pixels a second for each kind of work, as measured lately.

    By Little's law: what is in flight, divided by how long one stays, is what passes in a second,
    whatever the number of threads and whichever step is the slow one.
    """

    def __init__(self) -> None:
        self._pixels_per_s: dict[str, float] = {}

    def note(self, kind: str, pixels: float, seconds: float) -> None:
        """Take in that `pixels` were in flight while one of this kind stayed for `seconds`."""
        measured = pixels / max(seconds, 1e-6)
        known = self._pixels_per_s.get(kind, measured)
        self._pixels_per_s[kind] = known + _NEWEST_SHARE * (measured - known)

    def estimate_s(self, kind: str, pixels: float) -> float:
        """Return how long so many pixels take; of an unknown kind, as the slowest known one."""
        slowest = min(self._pixels_per_s.values(), default=_FIRST_GUESS)
        return pixels / self._pixels_per_s.get(kind, slowest)


class Admission:
    """Lets pictures in while their pixels fit, keeps a bounded queue, sends the others away.

    One larger than everything that may be in flight is let in alone.
    """

    def __init__(self, limits: Limits, *, clock: Clock = time.monotonic) -> None:
        self.limits = limits
        self.in_flight_pixels = 0
        self.admitted = 0
        """How many were let in since the start."""
        self._clock = clock
        self._pace = Pace()
        self._working: set[Place] = set()
        self._queue: deque[tuple[Place, asyncio.Future[None]]] = deque()

    @property
    def queued_pixels(self) -> int:
        """Pixels of those that wait."""
        return sum(place.pixels for place, _ in self._queue)

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._queue)

    @property
    def retry_after_s(self) -> float:
        """Seconds in which what is worked on and what waits now will be done."""
        waiting_s = sum(self._pace.estimate_s(place.kind, place.pixels) for place, _ in self._queue)
        working_s = sum(map(self._estimate_rest_s, self._working))
        return min(max(waiting_s + working_s, 1.0), _LONGEST_RETRY_S)

    def _estimate_rest_s(self, place: Place) -> float:
        """Return how long the rest of one that is worked on takes; each has its share of time."""
        share = place.pixels / self.in_flight_pixels
        passed_s = (self._clock() - place.entered_s) * share
        return max(0.0, self._pace.estimate_s(place.kind, place.pixels) - passed_s)

    @asynccontextmanager
    async def admit(
        self, pixels: int, *, kind: str, patient: bool = False, wait_s: float | None = None
    ) -> AsyncIterator[Place]:
        """Wait for a place for `pixels` and hold it until the block ends.

        `kind` says what takes how long: a model's name, say. One that is `patient` waits as long
        as it takes and is never sent away: whoever lets such in bounds them itself. Raises
        `TooBusyError` where too much waits already, or after `wait_s`, by default `limits.wait_s`.
        Cancelling frees the place, in the queue too.
        """
        longest_s = self.limits.wait_s if wait_s is None else wait_s
        place = Place(kind, pixels, None if patient else longest_s, self._clock)
        if self._queue or not self._fits(place):
            await self._wait(place)
        else:
            self.in_flight_pixels += place.pixels
        self.admitted += 1
        place.entered_s = self._clock()
        before = self.in_flight_pixels
        self._working.add(place)
        try:
            yield place
            if place.begun:
                stayed_s = self._clock() - place.entered_s
                self._pace.note(kind, (before + self.in_flight_pixels) / 2, stayed_s)
        except _LateError as error:
            raise self._too_busy(str(error)) from error
        finally:
            self._working.discard(place)
            self.in_flight_pixels -= place.pixels
            self._let_in()

    def _fits(self, place: Place) -> bool:
        room = self.limits.in_flight_pixels - self.in_flight_pixels
        return self.in_flight_pixels == 0 or place.pixels <= room

    async def _wait(self, place: Place) -> None:
        if place.wait_s is not None and self._queue and self._overflows(place):
            raise self._too_busy("too many pictures wait already: try again later")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (place, turn)
        self._queue.append(entry)
        try:
            async with asyncio.timeout(place.wait_s):
                await turn
        except BaseException as error:
            self._leave(entry)
            if isinstance(error, TimeoutError):
                reason = f"no place came free within {place.wait_s:g} s: try again later"
                raise self._too_busy(reason) from error
            raise

    def _overflows(self, place: Place) -> bool:
        return self.queued_pixels + place.pixels > self.limits.queued_pixels

    def _leave(self, entry: tuple[Place, asyncio.Future[None]]) -> None:
        """Give up waiting; the turn may have come, or been passed over, in the same moment."""
        place, turn = entry
        if turn.done() and not turn.cancelled():
            self.in_flight_pixels -= place.pixels
        elif entry in self._queue:
            self._queue.remove(entry)
        self._let_in()

    def _let_in(self) -> None:
        while self._queue:
            place, turn = self._queue[0]
            if turn.cancelled():  # it went away and has not had the time to leave
                self._queue.popleft()
                continue
            if not self._fits(place):
                break
            self._queue.popleft()
            self.in_flight_pixels += place.pixels
            turn.set_result(None)

    def _too_busy(self, reason: str) -> TooBusyError:
        return TooBusyError(reason, self.retry_after_s)
