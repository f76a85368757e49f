"""The application: its middleware, its routes, and what lives as long as it does."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from fastapi.responses import RedirectResponse

from service.access import AccessLog
from service.admission import Admission
from service.bodies import BodyLimit
from service.inference import Inference
from service.models import ModelStore, load_models, warm_up
from service.problems import UnexpectedErrors, install_problems
from service.resources import Resources, set_resources
from service.routes import evaluate, health, models, sharpen
from service.settings import Settings
from sharpening.errors import SharpeningError

logger = logging.getLogger(__name__)

_API_VERSION = "1"
"""Of the HTTP contract, not of the package."""

Loader = Callable[[Settings], ModelStore]


def _stay_unready() -> None:
    """Answer that the service lives and is not ready, which whoever runs it can see."""


def create_app(
    settings: Settings | None = None,
    *,
    load: Loader = load_models,
    give_up: Callable[[], None] = _stay_unready,
) -> FastAPI:
    """Return the application; `settings` come from the environment by default.

    `load` is called once, at start and in the background: until it is done the service lives but
    is not ready. If it fails, the reason is logged and `give_up` is called. `state.loading` is the
    task that does this.
    """
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        inference = Inference(
            workers=settings.inference_workers,
            threads=settings.inference_threads,
            codec_workers=settings.codec_workers,
        )
        start = partial(_become_ready, app, settings, inference, load)
        app.state.loading = asyncio.create_task(_try(start, give_up))
        try:
            yield
        finally:
            app.state.loading.cancel()
            await asyncio.wait([app.state.loading])
            set_resources(app, None)
            inference.close()

    app = FastAPI(
        title="Sharpening service",
        description="Blurred photographs in, sharp ones out.",
        version=_API_VERSION,
        lifespan=lifespan,
        redoc_url=None,
    )
    _add_middleware(app, settings)
    install_problems(app)
    for module in (sharpen, evaluate, models, health):
        app.include_router(module.router)
    app.add_api_route("/", _show_documentation, include_in_schema=False)
    return app


async def _become_ready(
    app: FastAPI, settings: Settings, inference: Inference, load: Loader
) -> None:
    loaded = await inference.run_model(partial(load, settings))
    await inference.run_model(partial(warm_up, loaded.value))
    admission = Admission(settings.admission)
    set_resources(app, Resources(settings, loaded.value, inference, admission))
    logger.info("ready")


async def _try(start: Callable[[], Awaitable[None]], give_up: Callable[[], None]) -> None:
    """Await `start`; what it raises has nobody else to go to."""
    try:
        await start()
    except SharpeningError as error:
        logger.critical("cannot start: %s", error)
        give_up()
    except Exception:
        logger.critical("cannot start", exc_info=True)
        give_up()


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """Add from the inside out: the last one added sees a request first."""
    app.add_middleware(
        BodyLimit,
        max_bytes=settings.max_body_bytes,
        max_bytes_together=settings.max_bodies_bytes,
        timeout_s=settings.body_timeout_s,
    )
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(AccessLog)


async def _show_documentation() -> RedirectResponse:
    return RedirectResponse("/docs")
