"""What a stream says to its client."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic_core import to_json

from service.problems import Problem
from service.streams.options import StreamFormat

Reason = Literal["newer", "busy"]
Outcome = Literal["sharpened", "failed"] | Reason

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class AnswerHeader:
    """What comes before the bytes of a sharpened frame."""

    sequence: int
    width: int
    height: int
    format: StreamFormat
    model: str
    strength: float
    dropped: int
    """Frames dropped in this stream until now."""
    timings_ms: Mapping[str, float]
    """Of waiting, decoding, the network and encoding; together from coming to being encoded."""


@dataclass(frozen=True)
class Dropped:
    """A frame was not sharpened: a newer one came, or there was no room for it."""

    sequence: int
    reason: Reason
    type: Literal["dropped"] = "dropped"


@dataclass(frozen=True)
class Failed:
    """A frame could not be sharpened; without `sequence` it is options, or the stream, at fault."""

    sequence: int | None
    problem: Problem
    final: bool = False
    """Whether the stream is closed now."""
    type: Literal["error"] = "error"


def pack_answer(header: AnswerHeader, picture: bytes) -> bytes:
    """Return the message of a sharpened frame: the header's length, it as JSON, the picture."""
    text = to_json(header)
    return b"".join((_LENGTH.pack(len(text)), text, picture))
