"""Which error each answer becomes, and what it carries."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.client import (
    AccessDeniedError,
    BusyError,
    ClientError,
    PictureRefusedError,
    RefusedError,
    Retries,
    ServiceFailedError,
    SharpenClient,
    UnavailableError,
    UnknownNameError,
)
from service.problems import KINDS

REPOSITORY = Path(__file__).parents[3]

EXPECTED = {
    "bad-parameter": RefusedError,
    "broken-archive": RefusedError,
    "broken-form": RefusedError,
    "too-many-pictures": RefusedError,
    "unknown-model": UnknownNameError,
    "no-graph": UnknownNameError,
    "not-ready": UnavailableError,
}
"""By the end of the problem's type; all others that the service has are about the picture."""


def to_problem(status: int, slug: str, **extensions: Any) -> httpx.Response:
    problem = {
        "type": f"urn:sharpening:problem:{slug}",
        "title": "No",
        "status": status,
        "detail": "because",
        "request_id": "seven",
    }
    return httpx.Response(status, json={**problem, **extensions})


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.slug)
def test_every_problem_of_the_service_has_its_error(call: Any, script: Any, kind: Any) -> None:
    answer = to_problem(kind.status, kind.slug)

    with pytest.raises(ClientError) as refused:
        call(script(answer), "sharpen", b"", retries=Retries(attempts=0))

    by_status = {
        401: AccessDeniedError,
        403: AccessDeniedError,
        408: RefusedError,
        429: BusyError,
        431: RefusedError,
    }
    expected = EXPECTED.get(kind.slug) or by_status.get(kind.status, PictureRefusedError)
    assert type(refused.value) is expected


def test_a_problem_carries_all_that_the_service_said(call: Any, script: Any) -> None:
    answer = to_problem(413, "image-too-large", limit_megapixels=64, got_megapixels=100)

    with pytest.raises(PictureRefusedError, match="No: because") as refused:
        call(script(answer), "sharpen", b"x")

    error = refused.value
    assert (error.status, error.type) == (413, "urn:sharpening:problem:image-too-large")
    assert (error.detail, error.request_id) == ("because", "seven")
    assert error.extensions == {"limit_megapixels": 64, "got_megapixels": 100}


def test_an_error_page_of_a_proxy_is_an_error_as_well(call: Any, script: Any) -> None:
    pages = [httpx.Response(502, html="<h1>Bad Gateway</h1>") for _ in range(2)]

    with pytest.raises(ServiceFailedError, match="502 Bad Gateway") as refused:
        call(script(*pages), "models", retries=Retries(attempts=1))  # another server may do

    assert refused.value.type == "about:blank"


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://service", "http://[::1"])
def test_an_address_that_is_none_is_told_at_once(url: str) -> None:
    slept: list[float] = []
    with (
        pytest.raises(ClientError, match="give an address"),
        SharpenClient(url, sleep=slept.append) as client,
    ):
        client.models()
    assert not slept


def test_the_client_is_imported_without_what_it_must_not_need() -> None:
    program = (
        "import sys\n"
        "import service.client\n"
        "heavy = {'torch', 'fastapi', 'starlette', 'uvicorn', 'numpy', 'PIL', 'skimage', 'scipy',\n"
        "         'safetensors', 'pydantic_settings', 'websockets'}\n"
        "raise SystemExit(str(found) if (found := heavy & set(sys.modules)) else 0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=REPOSITORY)
