"""The errors that only a service has; a branch of the core's tree.

What each becomes in HTTP stands in `problems`.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sharpening.errors import ParameterError, SharpeningError


class ServiceError(SharpeningError):
    """A request cannot be served."""


class NotReadyError(ServiceError):
    """The models are not loaded yet, or the service is stopping."""


class UnauthorizedError(ServiceError):
    """The API key is missing or wrong."""


class ForeignOriginError(ServiceError):
    """A page of another origin, which is not allowed here, wants to open a stream."""


class UnknownModelError(ServiceError):
    """No loaded model has the name asked for."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.known_models = list(known)
        super().__init__(f"no model is called {name!r}; expected one of {', '.join(known)}")


class MissingGraphError(ServiceError):
    """A model has no ONNX graph to hand out."""


class InvalidOptionsError(ParameterError):
    """What a stream was told of its frames cannot be done; `invalid` says why, by option."""

    def __init__(self, reason: str, invalid: Mapping[str, str] = MappingProxyType({})) -> None:
        self.invalid = dict(invalid)
        super().__init__(reason)


class BodyTooLargeError(ServiceError):
    """The request body has more bytes than allowed; raised before it is parsed."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(f"the request body has more than {limit_bytes} bytes: send a smaller one")


class FileTooLargeError(ServiceError):
    """A file of a batch has more bytes than allowed, or all files of its archive together."""

    def __init__(self, what: str, *, size_bytes: int, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(f"{what} {size_bytes} bytes; the limit is {limit_bytes}: send less")


class TooManyPicturesError(ServiceError):
    """A batch has more pictures than allowed."""

    def __init__(self, limit_pictures: int) -> None:
        self.limit_pictures = limit_pictures
        super().__init__(f"the batch has more than {limit_pictures} pictures: send it in parts")


class PairError(ServiceError):
    """A file of a batch has no counterpart, or more than one."""


class BrokenArchiveError(ServiceError):
    """A zip, or a file in it, cannot be read."""


class BrokenFormError(ServiceError):
    """The multipart form cannot be read: its header, its parts or how many there are."""


class NotAcceptableError(ServiceError):
    """No media type that the client accepts can hold the answer."""


class TooBusyError(ServiceError):
    """There is no room for this request now, or it waited too long for some."""

    def __init__(self, reason: str, retry_after_s: float) -> None:
        self.retry_after_s = math.ceil(retry_after_s)
        super().__init__(reason)


class AbandonedError(ServiceError):
    """The client went away, so that nobody waits for the result."""


class HeadTooLargeError(ServiceError):
    """The query and the headers of a request are too long."""


class SlowBodyError(ServiceError):
    """The rest of a request body did not come in time."""
