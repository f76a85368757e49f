"""What can go wrong when the service is asked; a branch of the core's tree of errors.

```
ClientError
├── NotReachedError          no answer: refused, reset, not found
├── AnswerTimeoutError       no answer in time
├── InvalidAnswerError       an answer that is not this API's
└── RefusedError             a problem: status, type, detail, request_id, extensions
    ├── AccessDeniedError    401, 403
    ├── UnknownNameError     404: no such model or path
    ├── PictureRefusedError  400, 406, 413, 415, 422: this picture; another may do
    ├── BusyError            429
    ├── UnavailableError     503: not ready or about to stop
    └── ServiceFailedError   any other 5xx
```
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from pydantic import JsonValue, ValidationError

from service.client.answers import Problem
from sharpening.errors import SharpeningError

_NOT_THE_PICTURES_FAULT = frozenset(
    {"bad-parameter", "broken-archive", "broken-form", "too-many-pictures"}
)


_NOT_OURS = "about:blank"
"""The type of a problem that only a status tells of, RFC 9457, section 4.2.1."""


class ClientError(SharpeningError):
    """The service was asked and there is no answer to use."""

    worth_repeating = False
    """Whether the very same request may succeed later; no call of this API does harm twice."""

    retry_after_s: float | None = None
    """How long the service asks to wait, if it does."""


class NotReachedError(ClientError):
    """No answer came: nobody listens there, or the connection broke."""

    worth_repeating = True


class AnswerTimeoutError(ClientError):
    """No answer came in the time allowed."""


class InvalidAnswerError(ClientError):
    """Something answered, but not as this API does."""


class RefusedError(ClientError):
    """The service answered with a problem (RFC 9457)."""

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        self.problem = problem
        self.retry_after_s = retry_after_s
        super().__init__(f"{problem.title}: {problem.detail}" if problem.detail else problem.title)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def type(self) -> str:
        """The problem's URI, `urn:sharpening:problem:` and a short name."""
        return self.problem.type

    @property
    def detail(self) -> str:
        """What was wrong, what was expected and what to do."""
        return self.problem.detail

    @property
    def request_id(self) -> str | None:
        """What the service's log calls this request."""
        return self.problem.request_id

    @property
    def extensions(self) -> Mapping[str, JsonValue]:
        """The other members of the problem, such as `limit_megapixels`."""
        return self.problem.model_extra or {}


class AccessDeniedError(RefusedError):
    """The API key is missing or wrong, or the origin is not allowed."""


class UnknownNameError(RefusedError):
    """There is no such model, or no such path."""


class PictureRefusedError(RefusedError):
    """This picture cannot be used; the same request with another may do."""


class BusyError(RefusedError):
    """The service has more work than it takes on."""

    worth_repeating = True


class UnavailableError(RefusedError):
    """The service is not ready yet, or about to stop."""

    worth_repeating = True


class ServiceFailedError(RefusedError):
    """The service failed on this request: its log has the reason under the request's id.

    Where something else answers in its place, such as a proxy whose server died, the next one may
    do better.
    """

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        super().__init__(problem, retry_after_s)
        self.worth_repeating = problem.type == _NOT_OURS


_BY_STATUS: dict[int, type[RefusedError]] = {
    401: AccessDeniedError,
    403: AccessDeniedError,
    404: UnknownNameError,
    429: BusyError,
    503: UnavailableError,
}


def explain_answer(response: httpx.Response) -> ClientError:
    """Return the error that an answer other than the expected one stands for; its body is read."""
    if not response.is_error:
        return InvalidAnswerError(
            f"{response.request.url} answered {response.status_code} {response.reason_phrase}: "
            "is that the address of the sharpening service?"
        )
    return refuse(read_problem(response), _read_retry_after(response.headers))


def refuse(problem: Problem, retry_after_s: float | None = None) -> RefusedError:
    """Return the error of the tree that the problem stands for."""
    status, name = problem.status, problem.type.rpartition(":")[2]
    kind = _BY_STATUS.get(status)
    if kind is None and status >= 500:
        kind = ServiceFailedError
    if kind is None and status in {400, 406, 413, 415, 422} and name not in _NOT_THE_PICTURES_FAULT:
        kind = PictureRefusedError
    return (kind or RefusedError)(problem, retry_after_s)


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise what httpx and pydantic raise as errors of this tree."""
    try:
        yield
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise ClientError(f"{error}: give an address such as http://127.0.0.1:8000") from error
    except httpx.TimeoutException as error:
        reached = not isinstance(error, httpx.ConnectTimeout)
        kind = AnswerTimeoutError if reached else NotReachedError
        raise kind(f"{_name_target(error)} did not answer in time: {_word(error)}") from error
    except httpx.HTTPError as error:
        raise NotReachedError(f"{_name_target(error)} gave no answer: {_word(error)}") from error
    except ValidationError as error:
        raise InvalidAnswerError(f"the answer is not as this API's are: {error}") from error


def read_problem(response: httpx.Response) -> Problem:
    """Return the problem; where something else answered, as proxies do, one made of its status."""
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        return Problem(
            type=_NOT_OURS,
            title=f"{response.status_code} {response.reason_phrase}".strip(),
            status=response.status_code,
            request_id=response.headers.get("x-request-id"),
        )


def _read_retry_after(headers: httpx.Headers) -> float | None:
    """Return the seconds of `Retry-After` (RFC 9110, section 10.2.3), which may name a date."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _name_target(error: httpx.HTTPError) -> str:
    try:
        return str(error.request.url)
    except RuntimeError:  # httpx's own, where it had no request yet
        return "the service"


def _word(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__
