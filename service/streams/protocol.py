"""Uvicorn's WebSocket, with its ends mended: what a slow client leaves unread must stay little.

Knows no frames and no application.
"""

import socket
from asyncio.transports import BaseTransport

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_UNSENT_BYTES = 128 * 1024
"""What the system may hold of answers that are not on their way yet: else it is megabytes, and all
that lies there is old when it comes."""
_LINGER_S = 1.0


class StreamProtocol(WebSocketsSansIOProtocol):
    """Speaks WebSocket with one client."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Bound what the system holds, where it can be told to."""
        super().connection_made(transport)
        option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
        connection = transport.get_extra_info("socket")
        if option is not None and connection is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, _UNSENT_BYTES)

    def handle_parser_exception(self) -> None:
        """Say why, and for a moment read on what the client is still sending.

        A connection that is closed on unread bytes is reset, and the reason never read.
        """
        if self.close_sent:
            return
        closing = self.conn.close_sent
        assert closing is not None
        self.queue.put_nowait(
            {"type": "websocket.disconnect", "code": closing.code, "reason": closing.reason}
        )
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(_LINGER_S, self.transport.close)
        self.transport.resume_reading()

    async def run_asgi(self) -> None:
        """Let go of what the client has not read some time after the application has ended.

        Closing alone would wait for a client that reads nothing.
        """
        await super().run_asgi()
        self.loop.call_later(self.close_timeout, self.transport.abort)
