"""The key that clients must show, where one is set. Health, pages and the document need none."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from service.errors import UnauthorizedError

HEADER = "X-API-Key"

_bearer = HTTPBearer(auto_error=False)
_header = APIKeyHeader(name=HEADER, auto_error=False)


def require_key(key: SecretStr) -> Callable[..., Awaitable[None]]:
    """Return a dependency that raises `UnauthorizedError` unless the request carries the key.

    How long the comparison takes says nothing of how much of a wrong key was right.
    """
    expected = key.get_secret_value().encode()

    async def check(
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
        header: Annotated[str | None, Security(_header)],
    ) -> None:
        given = bearer.credentials if bearer else header or ""
        if not hmac.compare_digest(given.encode(), expected):
            raise UnauthorizedError(
                f"the API key is missing or wrong: send it as 'Authorization: Bearer KEY' or "
                f"as '{HEADER}: KEY'"
            )

    return check
