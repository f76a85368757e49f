"""The application as a whole: its start, its document, and that nothing blocks its event loop."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from service.app import create_app
from service.models import ModelStore, load_models
from service.settings import Settings
from sharpening.errors import WeightsError

pytestmark = pytest.mark.anyio

StartClient = Callable[..., object]
ToFile = Callable[..., bytes]
PATIENCE_S = 20


async def test_health_answers_while_a_picture_is_in_the_network(
    settings: Settings,
    start_client: StartClient,
    stalled: Any,
    photograph: np.ndarray,
    to_file: ToFile,
) -> None:
    async with start_client(settings, load=stalled.load) as client:
        stalled.stall()
        sharpening = asyncio.create_task(client.post("/sharpen", content=to_file(photograph)))
        assert await asyncio.to_thread(stalled.entered.wait, PATIENCE_S)

        live = await client.get("/health/live")
        still_busy = not sharpening.done()
        stalled.release.set()

        assert live.status_code == 200
        assert still_busy
        assert (await sharpening).status_code == 200


async def test_it_lives_and_is_not_ready_while_its_models_are_loaded(settings: Settings) -> None:
    release = threading.Event()

    def load(settings: Settings) -> ModelStore:
        assert release.wait(PATIENCE_S), "the start was held up by the loading"
        return load_models(settings)

    app = create_app(settings, load=load)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        live = await client.get("/health/live")
        early = await client.get("/health/ready")
        release.set()
        await app.state.loading
        late = await client.get("/health/ready")

    assert [live.status_code, early.status_code, late.status_code] == [200, 503, 200]
    assert early.json()["type"] == "urn:sharpening:problem:not-ready"


async def test_it_can_end_while_its_models_are_loaded(settings: Settings) -> None:
    entered, release = threading.Event(), threading.Event()

    def load(settings: Settings) -> ModelStore:
        entered.set()
        assert release.wait(PATIENCE_S)
        return load_models(settings)

    app = create_app(settings, load=load)
    async with app.router.lifespan_context(app):
        assert await asyncio.to_thread(entered.wait, PATIENCE_S)
        release.set()

    assert app.state.loading.done()
    assert app.state.resources is None


@pytest.mark.parametrize("error", [WeightsError("there is no student"), MemoryError("no room")])
async def test_a_failure_to_load_is_logged_and_the_application_gives_up_unready(
    settings: Settings, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def load(_settings: Settings) -> ModelStore:
        raise error

    given_up: list[bool] = []
    app = create_app(settings, load=load, give_up=lambda: given_up.append(True))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        await app.state.loading
        ready = await client.get("/health/ready")

    assert given_up == [True]
    assert ready.status_code == 503
    (record,) = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert record.getMessage().startswith("cannot start")
    assert str(error) in caplog.text


async def test_the_document_describes_bodies_answers_and_problems(
    client: httpx.AsyncClient,
) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]

    sharpen = paths["/sharpen"]["post"]
    assert {"image/png", "multipart/form-data"} <= set(sharpen["requestBody"]["content"])
    assert set(sharpen["responses"]["200"]["content"]) == {
        "image/png",
        "image/jpeg",
        "image/webp",
        "image/tiff",
        "image/avif",
    }
    assert set(sharpen["responses"]["422"]["content"]) == {"application/problem+json"}
    evaluate = paths["/evaluate"]["post"]
    form = evaluate["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["reference"]
    assert "application/json" in evaluate["responses"]["200"]["content"]


async def test_no_path_promises_an_answer_that_problems_are_not(
    client: httpx.AsyncClient,
) -> None:
    document = (await client.get("/openapi.json")).json()

    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert set(response["content"]) == {"application/problem+json"}
