"""The key that clients must show, where one is set. Health, pages and the document need none."""

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated

from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr
from starlette.websockets import WebSocket

from service.errors import UnauthorizedError

HEADER = "X-API-Key"

SUBPROTOCOL = "sharpen"
KEY_SUBPROTOCOL = "sharpen.key."
"""What comes before the key, as base64url without padding, where it is sent as a subprotocol: a
page cannot set headers of a WebSocket."""

_bearer = HTTPBearer(auto_error=False)
_header = APIKeyHeader(name=HEADER, auto_error=False)


def require_key(key: SecretStr) -> Callable[..., Awaitable[None]]:
    """Return a dependency that raises `UnauthorizedError` unless the request carries the key.

    How long the comparison takes says nothing of how much of a wrong key was right.
    """

    async def check(
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
        header: Annotated[str | None, Security(_header)],
    ) -> None:
        _compare(bearer.credentials if bearer else header or "", key)

    return check


def check_stream_key(websocket: WebSocket, key: SecretStr | None) -> None:
    """Raise `UnauthorizedError` unless the stream was opened with the key, if there is one."""
    if key is None:
        return
    scheme, _, credentials = websocket.headers.get("authorization", "").partition(" ")
    bearer = credentials.strip() if scheme.lower() == "bearer" else ""
    _compare(bearer or websocket.headers.get(HEADER) or _read_subprotocol(websocket), key)


def choose_subprotocol(websocket: WebSocket) -> str | None:
    """Return the subprotocol to speak: a browser that offers some wants to hear of one."""
    offered: list[str] = websocket.scope["subprotocols"]
    known = (each for each in offered if each.startswith(KEY_SUBPROTOCOL))
    return SUBPROTOCOL if SUBPROTOCOL in offered else next(known, None)


def _read_subprotocol(websocket: WebSocket) -> str:
    for offered in websocket.scope["subprotocols"]:
        if offered.startswith(KEY_SUBPROTOCOL):
            text = offered.removeprefix(KEY_SUBPROTOCOL)
            with suppress(binascii.Error, UnicodeDecodeError):
                return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    return ""


def _compare(given: str, key: SecretStr) -> None:
    if not hmac.compare_digest(given.encode(), key.get_secret_value().encode()):
        raise UnauthorizedError(
            f"the API key is missing or wrong: send it as 'Authorization: Bearer KEY' or as "
            f"'{HEADER}: KEY'"
        )
