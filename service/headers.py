"""What the head of a request may be, and what the head of every answer says to browsers."""

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import HeadTooLargeError

MAX_HEAD_BYTES = 32 * 1024
"""Of the query and the headers together."""

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # Swagger UI sets styles inside its elements
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
"""Content Security Policy: nothing from elsewhere, no script in the page itself, no frames."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


async def check_head(request: HTTPConnection) -> None:
    """Raise `HeadTooLargeError` for longer ones.

    Of a head that has not ended by then the server itself says 400, before anything is asked here.
    """
    headers = sum(len(name) + len(value) for name, value in request.scope["headers"])
    if headers + len(request.scope["query_string"]) > MAX_HEAD_BYTES:
        raise HeadTooLargeError(
            f"query and headers have more than {MAX_HEAD_BYTES} bytes: send the picture as the body"
        )


class SecurityHeaders:
    """ASGI middleware: adds the headers to every answer that has none of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)
