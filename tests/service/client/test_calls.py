"""What the clients send, and what they make of what comes back."""

from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.client import (
    InvalidAnswerError,
    Progress,
    SharpenClient,
)

SCORE = {"psnr": 30.5, "ssim": 0.9, "ssim_gaussian": 0.91, "psnr_y": 31.0, "identical": False}
EVALUATION = {
    "definition": {"psnr": "dB"},
    "models": {"student": "student@0123456789ab"},
    "degradation": None,
    "input": SCORE,
    "student": SCORE,
    "teacher": None,
    "student_vs_teacher": None,
}
PICTURE = b"a picture"


def read_form(request: httpx.Request, body: bytes) -> list[tuple[str, str, bytes]]:
    """Return field, file name and content of each part."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    parts = BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            str(part.get_filename()),
            part.get_payload(decode=True),
        )
        for part in parts
    ]


def test_sharpen_sends_only_the_options_that_are_given(call: Any, script: Any) -> None:
    asked = script(httpx.Response(200))

    call(asked, "sharpen", PICTURE, model="teacher", strength=0.5)

    (request,) = asked.requests
    assert (request.method, request.url.path) == ("POST", "/sharpen")
    assert dict(request.url.params) == {"model": "teacher", "strength": "0.5"}
    assert asked.bodies == [PICTURE]


def test_sharpen_answers_with_the_picture_and_its_story(call: Any, script: Any) -> None:
    headers = {
        "Content-Type": "image/webp",
        "X-Model": "student@0123456789ab",
        "ETag": '"abc"',
        "Server-Timing": "decode;dur=1.50, cdn;desc=hit, model;dur=20",
        "X-Request-ID": "seven",
    }

    sharpened = call(script(httpx.Response(200, headers=headers, content=b"x")), "sharpen", PICTURE)

    assert (sharpened.data, sharpened.media_type) == (b"x", "image/webp")
    assert (sharpened.model, sharpened.etag) == ("student@0123456789ab", '"abc"')
    assert sharpened.timings_ms == {"decode": 1.5, "model": 20.0}
    assert sharpened.request_id == "seven"


def test_degrade_names_the_profile_and_answers_with_the_picture(call: Any, script: Any) -> None:
    asked = script(httpx.Response(200, headers={"Content-Type": "image/png"}, content=b"soft"))

    blurred = call(asked, "degrade", PICTURE, profile="call")

    (request,) = asked.requests
    assert (request.method, request.url.path) == ("POST", "/degrade")
    assert dict(request.url.params) == {"profile": "call"}
    assert asked.bodies == [PICTURE]
    assert (blurred.data, blurred.media_type) == (b"soft", "image/png")


def test_a_picture_may_be_a_path_and_the_answer_is_saved(
    call: Any, script: Any, tmp_path: Path
) -> None:
    (tmp_path / "in.png").write_bytes(PICTURE)
    asked = script(httpx.Response(200, content=b"sharper"))

    call(asked, "sharpen", tmp_path / "in.png").save(tmp_path / "out.png")

    assert asked.bodies == [PICTURE]
    assert (tmp_path / "out.png").read_bytes() == b"sharper"


def test_a_missing_file_is_an_os_error_and_nothing_is_sent(
    call: Any, script: Any, tmp_path: Path
) -> None:
    asked = script()

    with pytest.raises(FileNotFoundError):
        call(asked, "sharpen", tmp_path / "none.png")
    with pytest.raises(FileNotFoundError):
        call(asked, "evaluate", tmp_path / "none.png")

    assert not asked.requests


@pytest.mark.parametrize("given", ["bytes", "path"])
def test_evaluate_sends_a_form_with_its_length(
    call: Any, script: Any, tmp_path: Path, given: str
) -> None:
    (tmp_path / "reference.png").write_bytes(PICTURE)
    reference = PICTURE if given == "bytes" else tmp_path / "reference.png"
    asked = script(httpx.Response(200, json=EVALUATION))

    evaluation = call(asked, "evaluate", reference, b"blurred")

    (request,) = asked.requests
    form = read_form(request, asked.bodies[0])
    assert [(field, data) for field, _, data in form] == [
        ("reference", PICTURE),
        ("image", b"blurred"),
    ]
    assert request.headers["content-length"] == str(len(asked.bodies[0]))
    assert evaluation.student.psnr == 30.5
    assert evaluation.teacher is None


def test_evaluations_name_the_profile_only_if_one_is_asked_for(call: Any, script: Any) -> None:
    asked = script(httpx.Response(200, json=EVALUATION), httpx.Response(200, json=EVALUATION))

    call(asked, "evaluate", PICTURE)
    call(asked, "evaluate", PICTURE, profile="paper")

    assert [request.url.query for request in asked.requests] == [b"", b"profile=paper"]


def test_an_answer_of_something_else_is_refused_by_name(call: Any, script: Any) -> None:
    with pytest.raises(InvalidAnswerError, match="not as this API's"):
        call(script(httpx.Response(200, json={"hello": "world"})), "evaluate", PICTURE)
    with pytest.raises(InvalidAnswerError, match="301"):
        call(script(httpx.Response(301, headers={"Location": "/x"})), "models")


def test_members_that_a_newer_service_adds_are_ignored(call: Any, script: Any) -> None:
    evaluation = call(
        script(httpx.Response(200, json={**EVALUATION, "lpips": 1})), "evaluate", PICTURE
    )

    assert evaluation.input.ssim == 0.9


def test_health_tells_ready_from_not_ready(call: Any, script: Any) -> None:
    problem = {"type": "t", "title": "T", "status": 503, "detail": "loading", "request_id": "i"}

    ready = call(script(httpx.Response(200, json={"status": "ready"})), "health")
    unready = call(script(httpx.Response(503, json=problem)), "health")
    proxy = call(script(httpx.Response(503, html="<h1>no</h1>")), "health")

    assert (ready.ready, ready.detail) == (True, "")
    assert (unready.ready, unready.detail) == (False, "loading")
    assert (proxy.ready, proxy.detail) == (False, "503 Service Unavailable")


def test_the_api_key_goes_with_every_request(call: Any, script: Any) -> None:
    asked = script(httpx.Response(200, json=[]))

    assert call(asked, "models", api_key="secret") == []

    assert asked.requests[0].headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize(("timeout_s", "connect_s"), [(600, 10), (3, 3)])
def test_silence_is_bounded_and_connecting_more_so(timeout_s: float, connect_s: float) -> None:
    timeouts: list[dict[str, float]] = []

    def note(request: httpx.Request) -> httpx.Response:
        timeouts.append(request.extensions["timeout"])
        return httpx.Response(200, json=[])

    transport = httpx.MockTransport(note)
    with SharpenClient("http://service", timeout_s=timeout_s, transport=transport) as client:
        client.models()

    (timeout,) = timeouts
    assert (timeout["connect"], timeout["read"], timeout["write"]) == (
        connect_s,
        timeout_s,
        timeout_s,
    )


def test_a_path_in_the_address_is_kept(script: Any) -> None:
    asked = script(httpx.Response(200, json=[]))

    with SharpenClient(
        "http://proxy/sharpening/", transport=httpx.MockTransport(asked.handle)
    ) as client:
        client.models()

    assert asked.requests[0].url.path == "/sharpening/models"


def test_upload_progress_ends_at_the_length_of_the_body(call: Any, script: Any) -> None:
    told: list[Progress] = []
    asked = script(httpx.Response(200))
    picture = bytes(200_000)

    call(asked, "sharpen", picture, progress=told.append)

    assert asked.bodies == [picture]
    assert [each.done for each in told] == [65_536, 131_072, 196_608, 200_000]
    assert {(each.phase, each.total) for each in told} == {("upload", 200_000)}
