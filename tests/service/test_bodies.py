"""What is read as a picture, and that bytes are counted before anything parses them."""

import asyncio
import errno
import tempfile
from collections.abc import AsyncIterator, Callable

import httpx
import numpy as np
import pytest

from service.settings import Settings

pytestmark = pytest.mark.anyio

ToFile = Callable[..., bytes]
LIMIT_BYTES = 2000


@pytest.fixture
async def limited(
    settings: Settings, start_client: Callable[..., object]
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service whose limit is 2000 bytes."""
    tight = settings.model_copy(update={"max_body_bytes": LIMIT_BYTES})
    async with start_client(tight) as started:
        yield started


@pytest.mark.parametrize(
    "content_type", ["image/png", "IMAGE/PNG; a=b", "application/octet-stream"]
)
async def test_a_raw_body_is_the_picture(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile, content_type: str
) -> None:
    answer = await client.post(
        "/sharpen", content=to_file(photograph), headers={"Content-Type": content_type}
    )

    assert answer.status_code == 200


async def test_a_form_gives_the_same_answer_as_a_raw_body(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    data = to_file(photograph)

    raw = await client.post("/sharpen", content=data)
    form = await client.post("/sharpen", files={"image": ("a.png", data, "image/png")})

    assert form.content == raw.content
    assert form.headers["etag"] == raw.headers["etag"]


@pytest.mark.parametrize("path", ["/sharpen", "/evaluate"])
async def test_another_content_type_is_415_and_says_what_to_send(
    client: httpx.AsyncClient, path: str
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = await client.post(path, content=b"a=b", headers=headers)

    assert answer.status_code == 415
    assert "multipart/form-data" in answer.json()["detail"]


@pytest.mark.parametrize(("path", "field"), [("/sharpen", "image"), ("/evaluate", "reference")])
async def test_a_form_without_the_file_is_422_and_names_it(
    client: httpx.AsyncClient, path: str, field: str
) -> None:
    answer = await client.post(path, files={"other": b"data"})

    assert answer.status_code == 422
    assert f"'{field}' is missing" in answer.json()["detail"]


async def test_a_form_with_text_for_the_file_is_422(client: httpx.AsyncClient) -> None:
    answer = await client.post("/sharpen", files={"image": (None, "text")})

    assert answer.status_code == 422
    assert "'image' is text" in answer.json()["detail"]


async def test_a_form_with_too_many_files_is_400(client: httpx.AsyncClient) -> None:
    answer = await client.post("/sharpen", files=[("image", b"a"), ("image", b"b")])

    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:sharpening:problem:broken-form"
    assert "Too many files" in answer.json()["detail"]


@pytest.mark.parametrize("request_", [{"content": b""}, {"files": {"image": b""}}])
async def test_an_empty_picture_is_400(
    client: httpx.AsyncClient, request_: dict[str, object]
) -> None:
    answer = await client.post("/sharpen", **request_)

    assert answer.status_code == 400
    assert "is empty" in answer.json()["detail"]


async def test_a_broken_form_is_400(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}

    answer = await client.post("/sharpen", content=b"no boundary here", headers=headers)

    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:sharpening:problem:broken-form"


@pytest.mark.parametrize("path", ["/sharpen", "/evaluate"])
@pytest.mark.parametrize("charset", ["undefined", "punycode", "a\0b"])
async def test_a_charset_that_cannot_be_read_is_400(
    client: httpx.AsyncClient, path: str, charset: str
) -> None:
    headers = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
    part = b'Content-Disposition: form-data; name="a"\r\n\r\na..b' + b"c" * 70
    body = b"--x\r\n" + part + b"\r\n--x--\r\n"

    answer = await client.post(path, content=body, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:sharpening:problem:broken-form"


async def test_a_declared_length_over_the_limit_is_413_before_a_byte_is_read(
    limited: httpx.AsyncClient,
) -> None:
    read = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"x"

    headers = {"Content-Type": "image/png", "Content-Length": str(LIMIT_BYTES + 1)}
    answer = await limited.post("/sharpen", content=stream(), headers=headers)

    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:sharpening:problem:body-too-large"
    assert answer.json()["limit_bytes"] == LIMIT_BYTES
    assert read == 0


async def test_chunks_are_counted_and_reading_stops_at_the_limit(
    limited: httpx.AsyncClient,
) -> None:
    read = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield bytes(LIMIT_BYTES // 2)

    answer = await limited.post("/sharpen", content=stream(), headers={"Content-Type": "image/png"})

    assert answer.status_code == 413
    assert read == 3


async def test_a_file_in_a_form_is_counted_too(limited: httpx.AsyncClient) -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        yield bytes(LIMIT_BYTES)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await limited.post("/sharpen", content=stream(), headers=headers)

    assert answer.status_code == 413


async def test_a_body_of_exactly_the_limit_is_read(
    limited: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    data = to_file(photograph).ljust(LIMIT_BYTES, b"\0")
    assert len(data) == LIMIT_BYTES

    answer = await limited.post("/sharpen", content=data)

    assert answer.status_code == 200


async def test_all_bodies_together_are_bounded_and_their_end_makes_room(
    settings: Settings,
    start_client: Callable[..., object],
    photograph: np.ndarray,
    to_file: ToFile,
) -> None:
    tight = settings.model_copy(
        update={"max_body_bytes": LIMIT_BYTES, "max_bodies_bytes": LIMIT_BYTES}
    )
    half_sent, go_on = asyncio.Event(), asyncio.Event()
    data = to_file(photograph)

    async def halting() -> AsyncIterator[bytes]:
        yield data
        half_sent.set()
        await go_on.wait()

    async with start_client(tight) as client:
        first = asyncio.create_task(client.post("/sharpen", content=halting()))
        await half_sent.wait()
        refused = await client.post("/sharpen", content=bytes(LIMIT_BYTES - len(data) + 1))
        go_on.set()
        accepted = await first
        later = await client.post("/sharpen", content=data)

    assert refused.status_code == 429
    assert refused.json()["type"] == "urn:sharpening:problem:too-busy"
    assert refused.headers["retry-after"] == "1"
    assert [accepted.status_code, later.status_code] == [200, 200]


async def test_a_form_for_which_the_disk_is_full_is_429(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(_file: object, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "write", write)

    answer = await client.post("/sharpen", files={"image": b"picture"})

    assert answer.status_code == 429
    assert "disk" in answer.json()["detail"]


async def test_a_body_that_does_not_come_is_408(
    settings: Settings, start_client: Callable[..., object]
) -> None:
    async def stall() -> AsyncIterator[bytes]:
        yield b"begun"
        await asyncio.Event().wait()

    async with start_client(settings.model_copy(update={"body_timeout_s": 0.01})) as client:
        answer = await client.post("/sharpen", content=stall())

    assert answer.status_code == 408
    assert answer.json()["type"] == "urn:sharpening:problem:slow-body"
