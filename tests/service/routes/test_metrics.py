import re
from collections.abc import Callable

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.app import create_app
from service.resources import stop_taking
from service.settings import Settings

pytestmark = pytest.mark.anyio

ToFile = Callable[..., bytes]
Sample = tuple[str, frozenset[tuple[str, str]]]


async def read(client: httpx.AsyncClient) -> dict[Sample, float]:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert re.match(r"text/plain; version=[\d.]+", answer.headers["content-type"])
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def name(sample: str, **labels: str) -> Sample:
    return sample, frozenset(labels.items())


async def test_requests_spans_and_pixels_are_counted(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    await client.post("/sharpen", content=to_file(photograph))
    await client.post("/sharpen", content=b"text")
    await client.get("/no-such-page")
    await client.get("/no-such-page-either")

    figures = await read(client)

    assert figures[name("sharpen_requests_total", route="/sharpen", status="200")] == 1
    assert figures[name("sharpen_requests_total", route="/sharpen", status="415")] == 1
    assert figures[name("sharpen_requests_total", route="none", status="404")] == 2
    assert figures[name("sharpen_megapixels_total", route="/sharpen")] == 64 * 48 / 1e6
    for span in ("decode", "queue", "model", "encode"):
        assert figures[name("sharpen_span_seconds_count", span=span)] == 1
    assert figures[name("sharpen_request_seconds_count", route="/sharpen")] == 2


async def test_spans_of_a_batch_are_those_of_each_picture(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    data = to_file(photograph)
    files = [("reference", (name, data)) for name in ("a", "b", "c")]

    assert (await client.post("/evaluate/batch", files=files)).status_code == 200

    figures = await read(client)
    assert figures[name("sharpen_span_seconds_count", span="model")] == 3
    pixels = figures[name("sharpen_megapixels_total", route="/evaluate/batch")]
    assert pixels == pytest.approx(3 * 64 * 48 / 1e6)


async def test_told_to_stop_it_says_that_it_is_not_ready(settings: Settings) -> None:
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        await app.state.loading
        stop_taking(app)
        figures = await read(client)

    assert figures[name("sharpen_ready")] == 0
    assert figures[name("sharpen_queued_requests")] == 0


async def test_what_holds_now_is_shown(client: httpx.AsyncClient) -> None:
    figures = await read(client)
    (student, *_) = (await client.get("/models")).json()

    assert figures[name("sharpen_ready")] == 1
    assert figures[name("sharpen_in_flight_megapixels")] == 0
    assert figures[name("sharpen_queued_megapixels")] == 0
    assert figures[name("sharpen_refused_weights_files")] == 0
    members = ("name", "sha256", "profile", "role", "runtime", "device", "precision")
    labels = {member: student[member] for member in members}
    assert figures[name("sharpen_model_info", **labels)] == 1
    assert figures[name("process_resident_memory_bytes")] > 1e6


async def test_figures_are_there_before_the_models_are(settings: Settings) -> None:
    transport = httpx.ASGITransport(create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        assert (await read(client))[name("sharpen_ready")] == 0


async def test_two_applications_count_apart(client: httpx.AsyncClient, settings: Settings) -> None:
    await client.get("/health/live")
    transport = httpx.ASGITransport(create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as other:
        figures = await read(other)

    assert not [sample for sample, _ in figures if sample == "sharpen_requests_total"]
