"""Asking the service from Python: the verbs of the HTTP API, typed answers, typed errors.

Needs httpx and pydantic. Never imports PyTorch, FastAPI or the rooms of the core that work on
pictures: whoever asks need not be able to do the work.
"""

from service.client.answers import (
    BatchLine,
    BatchSummary,
    Evaluation,
    FigureSummary,
    Health,
    ModelDescription,
    PictureFailure,
    PictureScores,
    Problem,
    Score,
    Sharpened,
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
from service.client.synchronous import SharpenClient

__all__ = [
    "AccessDeniedError",
    "AnswerTimeoutError",
    "AsyncSharpenClient",
    "BatchLine",
    "BatchSummary",
    "BusyError",
    "ClientError",
    "Evaluation",
    "FigureSummary",
    "Health",
    "InvalidAnswerError",
    "ModelDescription",
    "NotReachedError",
    "Pair",
    "PictureFailure",
    "PictureRefusedError",
    "PictureScores",
    "Problem",
    "Progress",
    "RefusedError",
    "Retries",
    "Score",
    "ServiceFailedError",
    "SharpenClient",
    "SharpenOptions",
    "Sharpened",
    "UnavailableError",
    "UnknownNameError",
]
