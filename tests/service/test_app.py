"""The application as a whole: its start, its document, and that nothing blocks its event loop."""

import asyncio
import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

from service.app import create_app
from service.models import ModelStore, load_models
from service.settings import Settings
from sharpening.engine import Engine
from sharpening.errors import WeightsError

pytestmark = pytest.mark.anyio

StartClient = Callable[..., object]
ToFile = Callable[..., bytes]
PATIENCE_S = 20


class StalledRuntime:
    """Once stalled, says when it runs and goes on when it is told to; until then just runs."""

    name = "stalled"
    device = "cpu"
    receptive_field_px = 1
    multiple_of = 1

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()
        self.release.set()

    def stall(self) -> None:
        self.entered.clear()
        self.release.clear()

    def run(self, batch: np.ndarray) -> np.ndarray:
        self.entered.set()
        assert self.release.wait(PATIENCE_S), "the event loop was blocked"
        return batch


async def test_health_answers_while_a_picture_is_in_the_network(
    settings: Settings, start_client: StartClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    stalled = StalledRuntime()

    def load(settings: Settings) -> ModelStore:
        student = load_models(settings).get("student")
        stalling = dataclasses.replace(student, runtime=stalled, engine=Engine(stalled))
        return ModelStore([stalling], profile=settings.profile)

    async with start_client(settings, load=load) as client:
        stalled.stall()
        sharpening = asyncio.create_task(client.post("/sharpen", content=to_file(photograph)))
        assert await asyncio.to_thread(stalled.entered.wait, PATIENCE_S)

        live = await client.get("/health/live")
        still_busy = not sharpening.done()
        stalled.release.set()

        assert live.status_code == 200
        assert still_busy
        assert (await sharpening).status_code == 200


async def test_it_does_not_start_without_a_student(tmp_path: Path) -> None:
    app = create_app(Settings(weights_dir=tmp_path))

    with pytest.raises(WeightsError, match="no student"):
        async with app.router.lifespan_context(app):
            pass


async def test_root_leads_to_the_documentation(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", follow_redirects=True)

    assert answer.url.path == "/docs"
    assert answer.status_code == 200


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
