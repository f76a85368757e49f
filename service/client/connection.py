"""What both clients have in common: how httpx is set up, and how a batch's lines are followed."""

from collections.abc import Sequence
from os import PathLike
from typing import TypedDict

import httpx

from service.client.answers import BatchLine, BatchSummary
from service.client.calls import Pair, read_line
from service.client.errors import NotReachedError
from service.client.progress import Notify, Progress

DEFAULT_TIMEOUT_S = 120.0
_CONNECT_TIMEOUT_S = 10.0


class Connection(TypedDict):
    """The arguments that `httpx.Client` and `httpx.AsyncClient` share."""

    base_url: str
    headers: dict[str, str]
    timeout: httpx.Timeout


def describe_connection(url: str, api_key: str | None, timeout_s: float) -> Connection:
    """Return how to reach the service at `url`."""
    return Connection(
        base_url=url,
        headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
        timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_TIMEOUT_S)),
    )


class LineReader:
    """Follows the lines of one batch: tells how far it is, and whether its end came."""

    def __init__(
        self, pictures: Sequence[Pair] | str | PathLike[str], notify: Notify | None
    ) -> None:
        self._total = None if isinstance(pictures, str | PathLike) else len(pictures)
        self._notify = notify
        self._done = 0
        self._complete = False

    def read(self, text: str) -> BatchLine:
        """Return what the line says."""
        line = read_line(text)
        if isinstance(line, BatchSummary):
            self._complete = True
        else:
            self._done += 1
            if self._notify is not None:
                self._notify(Progress("pictures", self._done, self._total))
        return line

    def check_complete(self) -> None:
        """Raise `NotReachedError` if the lines ended without the summary."""
        if not self._complete:
            raise NotReachedError(
                f"the answer broke off after {self._done} pictures: send the batch again"
            )
