"""The application in as many replicas as there is work for: the same routes, answers and limits.

Each replica sends away what is too much for it, with a 429 of its own, so that Ray need not hold
back any request; what runs and how is known to the application alone.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from ray import serve
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.app import create_app
from service.cli.serve import prepare_process
from service.ray.share import reserve, take_share
from service.resources import is_ready
from service.settings import Settings
from sharpening.errors import SharpeningError

_RETRY_S = 1.0
_LOOK_S = 2.0
_MOST_QUEUED = 100
"""Requests that a proxy holds while every replica has as many as it may; further ones are told 429
by Ray itself, in plain text."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]


class Replica:
    """The application in a process of its own; `serve.ingress` makes it answer HTTP."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        prepare_process(settings)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """Return the application; Ray asks for it once, and awaits its lifespan."""
        app = create_app(self._settings)
        app.router.lifespan_context = partial(_live_ready, begin=app.router.lifespan_context)
        return NamelessAnswers(app)


class NamelessAnswers:
    """ASGI middleware: leaves `X-Request-ID` to Ray's proxy, which adds what it has sent here."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_without_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                del MutableHeaders(scope=message)["X-Request-ID"]
            await send(message)

        await self.app(scope, receive, send_without_id)


def build_application(settings: Settings) -> serve.Application:
    """Return the deployment of the application, scaled by the requests under way."""
    deployment = serve.deployment(
        name="sharpening",
        ray_actor_options=reserve(settings),
        max_ongoing_requests=settings.max_connections,
        max_queued_requests=_MOST_QUEUED,
        backpressure_config={"status_code": 429, "retry_after_s": _RETRY_S},
        graceful_shutdown_timeout_s=settings.drain_timeout_s,
        health_check_period_s=_LOOK_S,
        autoscaling_config={
            "min_replicas": settings.ray_min_replicas,
            "max_replicas": settings.ray_max_replicas,
            "target_ongoing_requests": settings.ray_ongoing_requests,
        },
    )
    return deployment(serve.ingress()(Replica)).bind(take_share(settings))


@asynccontextmanager
async def _live_ready(app: FastAPI, *, begin: Lifespan) -> AsyncIterator[None]:
    """Begin as the application does, and let requests in only once the models are loaded.

    Raises `SharpeningError` if they cannot be: Ray starts another replica and shows the reason.
    """
    async with begin(app):
        await app.state.loading
        if not is_ready(app):
            raise SharpeningError("the models cannot be loaded: the log of the replica has why")
        yield
