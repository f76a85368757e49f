"""The HTTP server, and how it stops: first unready, then finishing what it took, then gone."""

import time
from types import FrameType

import uvicorn
from fastapi import FastAPI

from service.headers import MAX_HEAD_BYTES
from service.resources import ask_resources, stop_taking
from service.settings import Settings
from service.streams.protocol import StreamProtocol

_PING_S = 20.0


class Server(uvicorn.Server):
    """Uvicorn, which goes on listening until what it took is done.

    Told to stop, it answers new pictures and `/health/ready` with 503, so that nobody sends more,
    and ends when no request is left or `drain_timeout_s` is over. Told again, it ends at once:
    what is still worked on is cut off.
    """

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="asyncio",  # whatever else is installed beside
            http="h11",
            ws=StreamProtocol,
            ws_max_size=settings.max_frame_bytes,
            ws_ping_interval=_PING_S,
            ws_ping_timeout=_PING_S,
            ws_per_message_deflate=False,  # frames are compressed already
            limit_concurrency=settings.max_connections,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            log_config=None,
            access_log=False,
            server_header=False,
        )
        super().__init__(config)
        self._app = app
        self._settings = settings
        self._told_s: float | None = None
        self._asked = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; called by the signal."""
        super().handle_exit(sig, frame)
        if self._told_s is None and self.started:
            self._told_s = time.monotonic()
            self.should_exit = False
            stop_taking(self._app)
            self._allow(self._settings.drain_timeout_s)
        else:
            self._allow(0)

    def handle_hangup(self, _signal: int, _frame: FrameType | None) -> None:
        """Have the weights folder looked at; called by the signal."""
        self._asked = True

    async def on_tick(self, counter: int) -> bool:
        """Say ten times a second whether to end now."""
        if self._asked:
            self._asked = False
            self._app.state.renewal.ask()
        if self._told_s is not None and not self.should_exit:
            if (resources := ask_resources(self._app)) is not None:
                resources.streams.stop()
            passed_s = time.monotonic() - self._told_s
            left_s = self._settings.drain_timeout_s - passed_s
            announced = passed_s >= self._settings.drain_announce_s
            if left_s <= 0 or (announced and not self.server_state.tasks):
                self._allow(left_s)
                self.should_exit = True
        return await super().on_tick(counter)

    def _allow(self, left_s: float) -> None:
        """Let what is still being sent take so long once nothing new is accepted."""
        self.config.timeout_graceful_shutdown = max(0, int(left_s))
