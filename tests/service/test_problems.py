"""Each line of the table from errors to HTTP, seen from outside where a client can cause it."""

import asyncio
import logging
from collections.abc import Callable

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect

from service.access import AccessLog
from service.problems import KINDS, UnexpectedErrors, install_problems
from service.settings import Settings
from sharpening import errors
from sharpening.errors import SharpeningError, WeightsError

pytestmark = pytest.mark.anyio

ToFile = Callable[..., bytes]


def check_problem(answer: httpx.Response, status: int, name: str) -> dict[str, object]:
    problem = answer.json()
    assert answer.status_code == status, problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"] == f"urn:sharpening:problem:{name}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


async def test_bytes_that_are_no_picture_are_415(client: httpx.AsyncClient) -> None:
    answer = await client.post("/sharpen", content=b"text", headers={"Content-Type": "image/png"})

    check_problem(answer, 415, "unsupported-image")


@pytest.mark.parametrize("format_", ["png", "jpeg", "webp", "tiff"])
async def test_a_truncated_picture_is_400(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile, format_: str
) -> None:
    data = to_file(photograph, format_)

    answer = await client.post("/sharpen", content=data[: len(data) // 2])

    check_problem(answer, 400, "broken-image")


async def test_too_many_pixels_are_413_with_both_figures(
    settings: Settings,
    start_client: Callable[..., object],
    photograph: np.ndarray,
    to_file: ToFile,
) -> None:
    tight = settings.model_copy(update={"max_megapixels": 0.003})

    async with start_client(tight) as client:
        answer = await client.post("/sharpen", content=to_file(photograph))

    problem = check_problem(answer, 413, "image-too-large")
    assert problem["limit_megapixels"] == 0.003
    assert problem["got_megapixels"] == 64 * 48 / 1e6


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"strength": "2.1"}, "strength"),
        ({"strength": "-0.1"}, "strength"),
        ({"strength": "nan"}, "strength"),
        ({"strength": "inf"}, "strength"),
        ({"strength": "much"}, "strength"),
        ({"format": "gif"}, "format"),
        ({"quality": "0"}, "quality"),
        ({"quality": "101"}, "quality"),
        ({"quality": "9.5"}, "quality"),
        ({"strenght": "1"}, "strenght"),
    ],
)
async def test_a_bad_parameter_is_422_and_named(
    client: httpx.AsyncClient,
    photograph: np.ndarray,
    to_file: ToFile,
    parameters: dict[str, str],
    name: str,
) -> None:
    answer = await client.post("/sharpen", params=parameters, content=to_file(photograph))

    problem = check_problem(answer, 422, "bad-parameter")
    assert [entry["parameter"] for entry in problem["invalid"]] == [name]


async def test_an_unknown_model_is_404_with_the_known_ones(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    answer = await client.post(
        "/sharpen", params={"model": "no-such-model"}, content=to_file(photograph)
    )

    problem = check_problem(answer, 404, "unknown-model")
    assert {"student", "teacher", "paper/student"} <= set(problem["known_models"])


async def test_an_unknown_page_is_404(client: httpx.AsyncClient) -> None:
    check_problem(await client.get("/no-such-page"), 404, "not-found")


async def test_a_wrong_method_is_405_with_the_right_ones(client: httpx.AsyncClient) -> None:
    answer = await client.get("/sharpen")

    check_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"


async def test_a_format_that_cannot_hold_the_picture_is_422_by_name_and_406_by_accept(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    data = to_file(np.dstack([photograph, photograph[..., 0]]))

    by_name = await client.post("/sharpen", params={"format": "jpeg"}, content=data)
    by_accept = await client.post("/sharpen", headers={"Accept": "image/jpeg"}, content=data)

    check_problem(by_name, 422, "cannot-encode")
    check_problem(by_accept, 406, "not-acceptable")


async def test_different_sizes_are_422(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    files = {"reference": to_file(photograph), "image": to_file(photograph[:-1])}

    check_problem(await client.post("/evaluate", files=files), 422, "size-mismatch")


@pytest.mark.parametrize("error", [WeightsError("secret"), RuntimeError("secret")])
async def test_an_unexpected_error_is_500_and_its_text_is_in_the_log_only(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await _get_from_failing_app(error)

    problem = check_problem(answer, 500, "unexpected")
    assert "secret" not in answer.text
    assert "secret" in caplog.text
    assert str(problem["request_id"]) in caplog.text


async def test_a_request_that_is_cut_off_is_503() -> None:
    answer = await _get_from_failing_app(asyncio.CancelledError())

    check_problem(answer, 503, "not-ready")


async def test_a_client_that_went_away_is_not_an_error(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(AssertionError),  # httpx's transport expects an answer
    ):
        await _get_from_failing_app(ClientDisconnect())

    assert "status=499" in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_every_image_error_of_the_core_is_a_4xx() -> None:
    for error_type in vars(errors).values():
        if isinstance(error_type, type) and issubclass(error_type, errors.ImageError):
            kind = next(KINDS[ancestor] for ancestor in error_type.__mro__ if ancestor in KINDS)
            assert 400 <= kind.status < 500


def test_types_are_all_different() -> None:
    assert len({kind.slug for kind in KINDS.values()}) == len(KINDS)
    assert SharpeningError not in KINDS


async def _get_from_failing_app(error: BaseException) -> httpx.Response:
    app = FastAPI()
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(AccessLog)
    install_problems(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        return await client.get("/")
