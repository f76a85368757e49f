"""When a failed request is sent again, and how long to wait before. Never waits itself."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from service.client.errors import ClientError


@dataclass(frozen=True)
class Retries:
    """How patient a client is.

    The service's own `Retry-After` is kept, and a little more, so that many clients that were told
    the same do not come back together. Without one the pause doubles each time, of which a random
    part is waited ("full jitter"). Where the service asks for more than `longest_wait_s`, the error
    is raised at once.
    """

    attempts: int = 5
    """How often a request is sent again."""
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0
    jitter: Callable[[], float] = random.random
    """Returns a number from 0 to 1, differently each time."""

    def begin(self) -> "Attempts":
        """Return the count of one request."""
        return Attempts(self)


class Attempts:
    """The attempts of one request."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self._failures = 0

    def wait_after(self, error: ClientError) -> float:
        """Return the seconds to wait before the next attempt; raises the error if there is none."""
        retries = self._retries
        asked_s = error.retry_after_s
        impatient = asked_s is not None and asked_s > retries.longest_wait_s
        if not error.worth_repeating or impatient or self._failures >= retries.attempts:
            raise error
        pause_s = min(retries.first_wait_s * 2.0**self._failures, retries.longest_wait_s)
        self._failures += 1
        return (asked_s or 0.0) + pause_s * retries.jitter()
