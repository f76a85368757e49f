"""The application: its middleware, its routes, and what lives as long as it does."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import Depends, FastAPI, params
from starlette.middleware.cors import CORSMiddleware

from service.access import AccessLog
from service.admission import Admission
from service.batches.gate import Gate
from service.headers import SecurityHeaders, check_head
from service.inference import Inference
from service.keys import HEADER, require_key
from service.models import ModelStore, load_models, warm_up
from service.problems import UnexpectedErrors, describe_problems, install_problems
from service.processors import count_cpus
from service.renewal import Renewal
from service.resources import Resources, ask_resources, is_ready, set_resources
from service.routes import batch, degrade, evaluate, health, metrics, models, sharpen, stream
from service.routes.documentation import install_documentation
from service.routes.page import install_page
from service.settings import Settings
from service.streams.gate import StreamGate
from service.streams.serving import require_origin
from service.telemetry import Telemetry
from service.traffic import Store, TrafficLimit
from service.upkeep import return_memory_when_idle
from sharpening.errors import SharpeningError
from sharpening.memory import return_freed_memory

logger = logging.getLogger(__name__)

_API_VERSION = "1"
"""Of the HTTP contract, not of the package."""

_LAST_WAIT_S = 2.0
"""For work that was told to stop; it does so at its next tile. Decoding cannot be told."""

_OWN_HEADERS = [HEADER, "X-Request-ID"]

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
    task that does this, and `state.renewal` what looks for new weights from then on.
    """
    settings = settings or Settings()
    app = FastAPI(
        title="Sharpening service",
        description="Blurred photographs in, sharp ones out.",
        version=_API_VERSION,
        dependencies=[Depends(check_head)],
        lifespan=partial(_live, settings=settings, load=load, give_up=give_up),
        docs_url=None,
        redoc_url=None,
    )
    app.state.telemetry = Telemetry(partial(ask_resources, app), ask_ready=partial(is_ready, app))
    app.state.renewal = Renewal(settings, app.state.telemetry, partial(set_resources, app))
    _add_middleware(app, settings)
    install_problems(app)
    app.include_router(health.router)
    guards, problems = _guard(settings)
    for module in (sharpen, degrade, evaluate, batch, models, metrics):
        app.include_router(module.router, dependencies=guards, responses=problems)
    app.include_router(stream.router, dependencies=[Depends(require_origin(settings.origins))])
    install_documentation(app)
    install_page(app)
    return app


@asynccontextmanager
async def _live(
    app: FastAPI, *, settings: Settings, load: Loader, give_up: Callable[[], None]
) -> AsyncIterator[None]:
    inference = Inference(
        workers=settings.inference_workers,
        codec_workers=settings.codec_workers or count_cpus(),
    )
    start = partial(_become_ready, app, settings, inference, load)
    app.state.loading = asyncio.create_task(_try(start, give_up))
    tending = asyncio.create_task(_tend(app))
    try:
        yield
    finally:
        for task in (app.state.loading, tending):
            task.cancel()
        await asyncio.wait([app.state.loading, tending], timeout=_LAST_WAIT_S)
        set_resources(app, None)
        await asyncio.to_thread(inference.close, patience_s=_LAST_WAIT_S)


async def _become_ready(
    app: FastAPI, settings: Settings, inference: Inference, load: Loader
) -> None:
    loaded = await inference.run_model(partial(load, settings))
    await inference.run_model(partial(warm_up, loaded.value))
    admission = Admission(settings.admission)
    batches = Gate(admission, max_batches=settings.max_batches)
    streams = StreamGate(max_streams=settings.max_streams)
    set_resources(app, Resources(settings, loaded.value, inference, admission, batches, streams))
    logger.info("ready")


async def _tend(app: FastAPI) -> None:
    """Once it is ready, keep the weights new and the memory small."""
    await asyncio.wait([app.state.loading])
    resources = ask_resources(app)
    if resources is not None:
        await asyncio.gather(
            app.state.renewal.watch(resources),
            return_memory_when_idle(resources.admission, partial(_return_memory, app)),
        )


def _return_memory(app: FastAPI) -> None:
    if (resources := ask_resources(app)) is not None:
        for model in resources.models.models:
            model.runtime.free_memory()
    return_freed_memory()


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


def _guard(settings: Settings) -> tuple[list[params.Depends], dict[int | str, dict[str, Any]]]:
    """Return what must be shown to do work here, and how the document tells of it."""
    if settings.api_key is None:
        return [], {}
    return [Depends(require_key(settings.api_key))], describe_problems(401)


def _ask_retry_s(app: FastAPI) -> float:
    """Return in how many seconds it is worth while to come again."""
    resources = ask_resources(app)
    return resources.admission.retry_after_s if resources else 1.0


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """Add from the inside out: the last one added sees a request first."""
    batches_bytes = settings.max_batches * settings.max_batch_bytes
    app.add_middleware(
        TrafficLimit,
        memory=Store(settings.max_body_bytes, settings.max_bodies_bytes),
        spooled={batch.PATH: Store(settings.max_batch_bytes, batches_bytes)},
        body_timeout_s=settings.body_timeout_s,
        send_timeout_s=settings.send_timeout_s,
        ask_retry_s=partial(_ask_retry_s, app),
    )
    app.add_middleware(UnexpectedErrors)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match", *_OWN_HEADERS],
            expose_headers=["ETag", "Retry-After", "Server-Timing", "X-Model", *_OWN_HEADERS],
        )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(AccessLog, observe=app.state.telemetry.note_request)
