"""The errors that only a service has; a branch of the core's tree.

What each becomes in HTTP stands in `problems`.
"""

from collections.abc import Sequence

from sharpening.errors import SharpeningError


class ServiceError(SharpeningError):
    """A request cannot be served."""


class NotReadyError(ServiceError):
    """The models are not loaded yet, or the service is stopping."""


class UnknownModelError(ServiceError):
    """No loaded model has the name asked for."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.known_models = list(known)
        super().__init__(f"no model is called {name!r}; expected one of {', '.join(known)}")


class BodyTooLargeError(ServiceError):
    """The request body has more bytes than allowed; raised before it is parsed."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(f"the request body has more than {limit_bytes} bytes: send a smaller one")


class BrokenFormError(ServiceError):
    """The multipart form cannot be read: its header, its parts or how many there are."""


class NotAcceptableError(ServiceError):
    """No media type that the client accepts can hold the answer."""
