"""Live frames over a real WebSocket to the real server, by the project's client and by none."""

import asyncio
import io
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from service.client import (
    AccessDeniedError,
    AsyncSharpenClient,
    BusyError,
    DroppedFrame,
    FailedFrame,
    FrameStream,
    PictureRefusedError,
    SharpenedFrame,
    UnavailableError,
    UnknownNameError,
    pack_raw,
)

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 120
KEY = "correct horse battery"
MOST_BYTES = 100_000

StartServer = Callable[..., AbstractContextManager[Any]]
Told = SharpenedFrame | DroppedFrame | FailedFrame


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """A photograph of 321x240, which no network's step divides."""
    return skimage.data.chelsea()[20:260, 80:401]


@pytest.fixture(scope="module")
def jpeg(pixels: np.ndarray) -> bytes:
    return to_file(pixels, "jpeg")


@pytest.fixture(scope="module")
def narrow(start_server: StartServer) -> Iterator[Any]:
    """A server with a key, one stream, small frames, and no patience with slow readers."""
    limits = {"api_key": KEY, "max_streams": "1", "max_frame_bytes": str(MOST_BYTES)}
    with start_server(**limits, send_timeout_s="0.5") as server:
        yield server


def to_file(pixels: np.ndarray, format_: str) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, format_)
    return buffer.getvalue()


def to_raw(pixels: np.ndarray) -> bytes:
    return pack_raw(pixels.shape[1], pixels.shape[0], pixels.tobytes())


def to_address(server: Any, path: str = "/stream") -> str:
    return server.url.replace("http://", "ws://") + path


def talk(url: str, work: Callable[[FrameStream], Any], **options: Any) -> Any:
    """Do `work` with a stream of the client, and return what it returns."""
    key = options.pop("api_key", None)

    async def run() -> Any:
        async with (
            asyncio.timeout(PATIENCE_S),
            AsyncSharpenClient(url, api_key=key) as client,
            client.stream(**options) as stream,
        ):
            return await work(stream)

    return asyncio.run(run())


async def read(stream: FrameStream, count: int) -> list[Told]:
    """Return the next answers."""
    told: list[Told] = []
    async for answer in stream:
        told.append(answer)
        if len(told) == count:
            break
    return told


@pytest.mark.parametrize("model", ["student", "paper/student"])
@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_a_raw_frame_is_what_sharpen_makes_of_the_picture_bit_for_bit(
    server: Any, pixels: np.ndarray, model: str, strength: float
) -> None:
    async def exchange(stream: FrameStream) -> list[Told]:
        await stream.send(to_raw(pixels))
        return await read(stream, 1)

    options = {"model": model, "strength": strength}
    posted = httpx.post(
        f"{server.url}/sharpen",
        params=options,
        content=to_file(pixels, "png"),
        timeout=PATIENCE_S,
    )
    (answer,) = talk(server.url, exchange, **options, format="raw")

    expected = np.asarray(PillowImage.open(io.BytesIO(posted.content)))
    assert (answer.width, answer.height) == (321, 240)
    assert answer.data == expected.tobytes()
    assert not np.array_equal(expected, pixels)
    assert answer.model == posted.headers["x-model"]


@pytest.mark.parametrize("format_", ["jpeg", "webp", "raw"])
def test_frames_of_every_kind_come_back_in_order_as_asked(
    server: Any, pixels: np.ndarray, format_: str
) -> None:
    frames = [to_file(pixels, "jpeg"), to_file(pixels, "webp"), to_raw(pixels)]

    async def exchange(stream: FrameStream) -> list[Told]:
        answers = []
        for frame in frames:
            await stream.send(frame)
            answers += await read(stream, 1)
        return answers

    answers = talk(server.url, exchange, format=format_)

    assert [answer.sequence for answer in answers] == [0, 1, 2]
    for answer in answers:
        assert set(answer.timings_ms) == {"wait", "decode", "model", "encode"}
        if format_ == "raw":
            assert len(answer.data) == pixels.size
        else:
            assert PillowImage.open(io.BytesIO(answer.data)).format == format_.upper()


def test_of_many_frames_at_once_each_is_told_of_and_the_last_is_sharpened(
    server: Any, jpeg: bytes
) -> None:
    async def exchange(stream: FrameStream) -> list[Told]:
        for _ in range(40):
            await stream.send(jpeg)
        return await read(stream, 40)

    told = talk(server.url, exchange)

    sharpened = [each.sequence for each in told if isinstance(each, SharpenedFrame)]
    assert sorted(each.sequence for each in told) == list(range(40))
    assert sharpened == sorted(sharpened)
    assert sharpened[-1] == 39
    assert {each.reason for each in told if isinstance(each, DroppedFrame)} == {"newer"}
    assert told[-1].dropped == 40 - len(sharpened)


def test_options_change_in_between_and_what_is_wrong_is_told(server: Any, jpeg: bytes) -> None:
    async def exchange(stream: FrameStream) -> list[Told]:
        await stream.change(format="webp", strength=2.0)
        await stream.send(jpeg)
        told = await read(stream, 1)
        await stream.change(strength=3.0)
        for frame in (b"text", jpeg[:2000], jpeg):
            await stream.send(frame)
            told += await read(stream, 2 if frame == b"text" else 1)
        return told

    good, option, text, broken, last = talk(server.url, exchange)

    assert (good.format, good.strength) == ("webp", 2)
    assert (option.sequence, option.problem.status) == (None, 422)
    assert (text.sequence, text.problem.status) == (1, 415)
    assert (broken.sequence, broken.problem.status) == (2, 400)
    assert (last.sequence, last.format, last.strength) == (3, "webp", 2)


def test_a_stream_that_is_refused_says_why(server: Any, narrow: Any) -> None:
    async def exchange(stream: FrameStream) -> list[Told]:
        return await read(stream, 1)

    with pytest.raises(UnknownNameError, match="no-such") as unknown:
        talk(server.url, exchange, model="no-such")
    with pytest.raises(AccessDeniedError, match="key"):
        talk(narrow.url, exchange)
    with pytest.raises(InvalidStatus) as foreign:
        connect(to_address(server), origin="https://elsewhere.example").close()  # type: ignore[arg-type]

    assert "student" in unknown.value.extensions["known_models"]
    assert foreign.value.response.status_code == 403
    assert b"foreign-origin" in foreign.value.response.body


def test_one_stream_too_many_is_told_to_come_again(narrow: Any) -> None:
    async def open_second(stream: FrameStream) -> None:
        await stream.send(b"text")
        await read(stream, 1)
        async with AsyncSharpenClient(narrow.url, api_key=KEY) as client, client.stream() as second:
            await read(second, 1)

    with pytest.raises(BusyError, match="1 streams"):
        talk(narrow.url, open_second, api_key=KEY)


def test_a_message_over_the_limit_closes_the_stream_with_the_reason(narrow: Any) -> None:
    async def exchange(stream: FrameStream) -> list[Told]:
        await stream.send(b"x" * MOST_BYTES)
        told = await read(stream, 1)
        await stream.send(b"x" * (MOST_BYTES + 1))
        return told + await read(stream, 1)

    with pytest.raises(PictureRefusedError, match=str(MOST_BYTES)):
        talk(narrow.url, exchange, api_key=KEY)
    assert "Traceback" not in narrow.log.read_text()


def test_a_client_that_is_still_sending_reads_why_it_is_closed(narrow: Any) -> None:
    headers = {"X-API-Key": KEY}
    with connect(to_address(narrow), additional_headers=headers, compression=None) as stream:
        stream.send(bytes(20_000_000))
        with pytest.raises(ConnectionClosedError) as closed:
            stream.recv()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_a_client_that_reads_nothing_is_cut_off_and_little_is_held_for_it(
    narrow: Any, pixels: np.ndarray
) -> None:
    small = to_raw(pixels[:100, :300])
    before = narrow.read_memory()
    query = "format=raw&model=paper/student"
    with closing(open_socket(narrow.url, f"/stream?{query}")) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        message = b"\x82\xff" + len(small).to_bytes(8) + bytes(4) + small
        wait_until(lambda: read_figure(narrow, "sharpen_open_streams") == 1)
        deaf.settimeout(0.05)
        sent = 0
        while read_figure(narrow, "sharpen_open_streams") == 1:
            sent += send_some(deaf, message)

    wait_until(lambda: read_figure(narrow, "sharpen_in_flight_megapixels") == 0)
    assert sent > 5 * MOST_BYTES  # more than it may hold of a stream, at both ends
    assert narrow.read_memory() - before < 50 * 1024 * 1024
    assert "Traceback" not in narrow.log.read_text()


def open_socket(url: str, path: str) -> socket.socket:
    """Open a WebSocket by hand and read no more than its head."""
    address = httpx.URL(url)
    opened = socket.create_connection((address.host, address.port), timeout=PATIENCE_S)
    opened.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {address.host}\r\nX-API-Key: {KEY}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert opened.recv(12) == b"HTTP/1.1 101"
    return opened


def send_some(connection: socket.socket, message: bytes) -> int:
    """Send a message or, as nobody takes it any more, none; a part of one is the last."""
    try:
        connection.sendall(message)
    except TimeoutError:
        time.sleep(0.05)
        return 0
    except OSError:
        return 0
    return len(message)


def test_new_weights_are_used_by_a_running_stream(
    start_server: StartServer, jpeg: bytes, tmp_path: Path
) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    shutil.copy(REPOSITORY / "weights" / "paper-student.safetensors", folder)
    with start_server(weights_dir=str(folder), watch_s="0") as server:

        async def exchange(stream: FrameStream) -> list[Told]:
            await stream.send(jpeg)
            told = await read(stream, 1)
            replace_by_another_student(folder / "paper-student.safetensors")
            server.process.send_signal(signal.SIGHUP)
            await asyncio.to_thread(
                wait_until, lambda: read_figure(server, "sharpen_weights_swaps_total") == 1
            )
            await stream.send(jpeg)
            return told + await read(stream, 1)

        before, after = talk(server.url, exchange)

    assert before.model != after.model
    assert (before.sequence, after.sequence) == (0, 1)


def replace_by_another_student(path: Path) -> None:
    """Put weights of the same quality and another digest in place, as the trainer does."""
    from sharpening.weights import load_weights, save_weights

    weights = load_weights(path)
    save_weights(path, weights.tensors, weights.card.model_copy(update={"licence": "CC0-1.0"}))


def test_told_to_stop_it_finishes_what_it_took_and_exits_with_0(
    start_server: StartServer, pixels: np.ndarray
) -> None:
    slowly = {"precision": "float32", "inference_threads": "1"}
    with start_server(drain_timeout_s="100", **slowly) as server:

        async def exchange(stream: FrameStream) -> list[Told]:
            for _ in range(2):
                await stream.send(to_raw(pixels))
                await asyncio.to_thread(
                    wait_until, lambda: read_figure(server, "sharpen_in_flight_megapixels") > 0
                )
            server.process.send_signal(signal.SIGTERM)
            told = await read(stream, 2)
            with pytest.raises(UnavailableError, match="stopping"):
                await read(stream, 1)
            return told

        told = talk(server.url, exchange, model="teacher", format="raw")

        assert server.process.wait(timeout=PATIENCE_S) == 0
        assert [each.sequence for each in told] == [0, 1]
        assert all(isinstance(each, SharpenedFrame) for each in told)
        assert "Traceback" not in server.log.read_text()


def test_an_idle_stream_does_not_keep_it_from_stopping(start_server: StartServer) -> None:
    with start_server(drain_timeout_s="100") as server, open_plain(server) as stream:
        wait_until(lambda: read_figure(server, "sharpen_open_streams") == 1)

        server.process.send_signal(signal.SIGTERM)

        assert "not-ready" in str(stream.recv(PATIENCE_S))
        with pytest.raises(ConnectionClosedOK, match="1001"):
            stream.recv(PATIENCE_S)
        assert server.process.wait(timeout=PATIENCE_S) == 0
        assert "Traceback" not in server.log.read_text()


def test_what_is_not_done_in_time_is_cut_off(start_server: StartServer, pixels: np.ndarray) -> None:
    large = to_raw(np.tile(pixels, (4, 4, 1)))
    with start_server(drain_timeout_s="0") as server:
        with open_plain(server, "/stream?model=teacher") as stream:
            stream.send(large)
            wait_until(lambda: read_figure(server, "sharpen_in_flight_megapixels") > 0)

            server.process.send_signal(signal.SIGTERM)

            assert server.process.wait(timeout=PATIENCE_S) == 0
        assert "Traceback" not in server.log.read_text()


def open_plain(server: Any, path: str = "/stream") -> ClientConnection:
    return connect(to_address(server, path), compression=None, max_size=None)


def read_figure(server: Any, name: str) -> float:
    headers = {"X-API-Key": KEY}
    text = httpx.get(f"{server.url}/metrics", headers=headers, timeout=PATIENCE_S).text
    found = re.search(rf"^{name} (\S+)$", text, flags=re.MULTILINE)
    assert found is not None, text
    return float(found[1])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
