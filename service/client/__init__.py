"""Asking the service from Python: the verbs of the HTTP API, typed answers, typed errors.

Needs httpx and pydantic, and for streams websockets. Never imports PyTorch, FastAPI or the rooms of
the core that work on pictures: whoever asks need not be able to do the work.
"""

from service.client.answers import (
    BatchLine,
    BatchSummary,
    DroppedFrame,
    Evaluation,
    FailedFrame,
    FrameAnswer,
    Health,
    ModelDescription,
    Picture,
    PictureFailure,
    PictureScores,
    Problem,
    Score,
    Scores,
    ScoreSummary,
    Sharpened,
    SharpenedFrame,
    Summary,
)
from service.client.asynchronous import AsyncSharpenClient
from service.client.calls import Pair, SharpenOptions
from service.client.errors import (
    AccessDeniedError,
    AnswerTimeoutError,
    BusyError,
    ClientError,
    InvalidAnswerError,
    NotReachedError,
    PictureRefusedError,
    RefusedError,
    ServiceFailedError,
    UnavailableError,
    UnknownNameError,
)
from service.client.progress import Progress
from service.client.retries import Retries
from service.client.stream import FrameStream, pack_raw
from service.client.synchronous import SharpenClient

__all__ = [
    "AccessDeniedError",
    "AnswerTimeoutError",
    "AsyncSharpenClient",
    "BatchLine",
    "BatchSummary",
    "BusyError",
    "ClientError",
    "DroppedFrame",
    "Evaluation",
    "FailedFrame",
    "FrameAnswer",
    "FrameStream",
    "Health",
    "InvalidAnswerError",
    "ModelDescription",
    "NotReachedError",
    "Pair",
    "Picture",
    "PictureFailure",
    "PictureRefusedError",
    "PictureScores",
    "Problem",
    "Progress",
    "RefusedError",
    "Retries",
    "Score",
    "ScoreSummary",
    "Scores",
    "ServiceFailedError",
    "SharpenClient",
    "SharpenOptions",
    "Sharpened",
    "SharpenedFrame",
    "Summary",
    "UnavailableError",
    "UnknownNameError",
    "pack_raw",
]
