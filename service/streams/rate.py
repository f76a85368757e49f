"""How many messages a second a stream takes. Never waits itself."""

import time
from collections.abc import Callable

Clock = Callable[[], float]


class Rate:
    """A bucket of one second's messages, which fills as fast as they may come."""

    def __init__(self, per_s: float, *, clock: Clock = time.monotonic) -> None:
        self.per_s = per_s
        self._most = self._left = max(1.0, per_s)
        self._clock = clock
        self._looked_s = clock()

    def take(self) -> bool:
        """Return whether one more message is within the rate; one that is not costs nothing."""
        now_s = self._clock()
        self._left = min(self._most, self._left + (now_s - self._looked_s) * self.per_s)
        self._looked_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
