"""How the time of one request was spent."""

from dataclasses import dataclass
from typing import Any

from service.inference import Timed

NOTHING = Timed(None, 0.0, 0.0)
"""A step that there was not."""


@dataclass(frozen=True)
class Spans:
    """Seconds of one request: decoding, waiting for a turn, the network, encoding."""

    decode_s: float
    queue_s: float
    model_s: float
    encode_s: float

    @classmethod
    def of(
        cls,
        decoded: Timed[Any],
        modelled: Timed[Any],
        encoded: Timed[Any] = NOTHING,
        *,
        waited_s: float = 0.0,
    ) -> "Spans":
        """Add up the three steps; `queue_s` is `waited_s` and what they waited for threads."""
        queue_s = waited_s + decoded.waited_s + modelled.waited_s + encoded.waited_s
        return cls(decoded.ran_s, queue_s, modelled.ran_s, encoded.ran_s)

    @property
    def server_timing(self) -> str:
        """The value of `Server-Timing` (https://www.w3.org/TR/server-timing/), in ms."""
        seconds = {
            "decode": self.decode_s,
            "queue": self.queue_s,
            "model": self.model_s,
            "encode": self.encode_s,
        }
        return ", ".join(f"{name};dur={value * 1e3:.2f}" for name, value in seconds.items())
