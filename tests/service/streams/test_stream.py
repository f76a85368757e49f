"""A conversation: what becomes of each frame, and that nothing piles up."""

import asyncio
import re
import struct
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import numpy as np
import pytest

from service import inference
from service.admission import LEAST_PIXELS
from service.models import load_models
from service.resources import set_resources, stop_taking
from service.settings import Settings
from service.streams import stream, work

pytestmark = pytest.mark.anyio

StartClient = Callable[..., Any]
ToRaw = Callable[[np.ndarray], bytes]
Until = Callable[..., Any]


@pytest.fixture
async def held(
    settings: Settings, start_client: StartClient, stalled: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose service holds each frame in the network until it is released."""
    async with start_client(settings, load=stalled.load) as client:
        stalled.stall()
        yield client
        stalled.release.set()


@pytest.fixture
def frame(photograph: np.ndarray, to_raw: ToRaw) -> bytes:
    return to_raw(photograph)


def ask_app(client: httpx.AsyncClient) -> Any:
    transport: Any = client._transport
    return transport.app


async def settle(talk: Any, until: Until) -> None:
    """Give the application the time to begin what it would begin with what was sent."""
    await until(lambda: talk.unread_by_app == 0)
    for _ in range(20):
        await asyncio.sleep(0.001)


async def read_frames(client: httpx.AsyncClient) -> dict[str, float]:
    text = (await client.get("/metrics")).text
    found = re.findall(r'sharpen_stream_frames_total\{outcome="(\w+)"\} (\S+)', text)
    return {outcome: float(count) for outcome, count in found}


async def test_a_frame_comes_back_sharper_and_says_how(
    client: httpx.AsyncClient,
    settings: Settings,
    open_stream: Any,
    photograph: np.ndarray,
    frame: bytes,
) -> None:
    async with open_stream(client, "format=raw&strength=0.5") as talk:
        assert (await talk.next())["type"] == "websocket.accept"
        talk.send(frame)
        answer = await talk.read()

    student = load_models(settings).get("student")
    expected = student.engine.sharpen(photograph, strength=0.5)
    assert answer["picture"] == expected.tobytes()
    assert not np.array_equal(expected, photograph)
    timings = answer.pop("timings_ms")
    assert answer == {
        "sequence": 0,
        "width": 64,
        "height": 48,
        "format": "raw",
        "model": student.name,
        "strength": 0.5,
        "dropped": 0,
        "picture": answer["picture"],
    }
    assert set(timings) == {"wait", "decode", "model", "encode"}
    assert min(timings.values()) >= 0


async def test_frames_sent_one_after_the_other_all_come_back_in_order(
    client: httpx.AsyncClient, open_stream: Any, frame: bytes
) -> None:
    async with open_stream(client) as talk:
        await talk.next()
        numbers = []
        for _ in range(8):
            talk.send(frame)
            numbers.append((await talk.read())["sequence"])

    assert numbers == list(range(8))


async def test_a_frame_that_is_ready_early_waits_for_the_one_before(
    settings: Settings,
    start_client: StartClient,
    open_stream: Any,
    frame: bytes,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second frame runs through the network while the first is still being encoded."""
    release = threading.Event()
    order: list[str] = []

    def encode_slowly(image: Any, options: Any) -> bytes:
        if options.quality == 1:
            assert release.wait(20)
        order.append(options.format)
        return b""

    monkeypatch.setattr(work, "encode_frame", encode_slowly)
    two = settings.model_copy(update={"codec_workers": 2})
    async with start_client(two) as client, open_stream(client, "format=jpeg&quality=1") as talk:
        await talk.next()
        talk.send(frame)
        talk.send('{"format": "webp", "quality": 2}')
        await until(lambda: talk.unread_by_app == 0)
        talk.send(frame)
        await until(lambda: order == ["webp"])
        release.set()
        answers = [await talk.read() for _ in range(2)]

    assert order == ["webp", "jpeg"]
    assert [(each["sequence"], each["format"]) for each in answers] == [(0, "jpeg"), (1, "webp")]


async def test_only_the_newest_frame_waits_and_the_others_are_told_of(
    held: httpx.AsyncClient, open_stream: Any, stalled: Any, frame: bytes, until: Until
) -> None:
    async with open_stream(held) as talk:
        await talk.next()
        talk.send(frame)
        assert await asyncio.to_thread(stalled.entered.wait, 20)
        talk.send(frame)
        await settle(talk, until)
        for _ in range(3):
            talk.send(frame)
        dropped = [await talk.read() for _ in range(3)]
        stalled.release.set()
        answers = [await talk.read() for _ in range(2)]

    assert dropped == [
        {"type": "dropped", "sequence": sequence, "reason": "newer"} for sequence in (1, 2, 3)
    ]
    assert [(each["sequence"], each["dropped"]) for each in answers] == [(0, 3), (4, 3)]
    assert await read_frames(held) == {"sharpened": 2, "newer": 3}


async def test_the_next_frame_runs_while_one_is_not_read_yet_and_no_more_than_that(
    client: httpx.AsyncClient, open_stream: Any, frame: bytes, until: Until
) -> None:
    """A client that reads nothing holds one answer that is sent, one that is ready, one frame."""
    async with open_stream(client) as talk:
        await talk.next()
        talk.reading.clear()
        admission = ask_app(client).state.resources.admission
        for _ in range(2):
            talk.send(frame)
            await until(lambda: talk.unread_by_app == 0)
        await until(lambda: admission.admitted == 2 and admission.in_flight_pixels == 0)
        for count in (1, 49):
            for _ in range(count):
                talk.send(frame)
            await settle(talk, until)
        admitted = admission.admitted
        talk.reading.set()
        told = [await talk.read() for _ in range(52)]

    assert admitted == 2
    answered = [each["sequence"] for each in told if "picture" in each]
    assert answered == [0, 1, 51]
    assert [each["sequence"] for each in told if "picture" not in each] == list(range(2, 51))


async def test_a_client_that_reads_nothing_is_not_read_either_in_the_end(
    client: httpx.AsyncClient, open_stream: Any, frame: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_MOST_NOTICES", 10)
    async with open_stream(client) as talk:
        await talk.next()
        talk.reading.clear()
        for _ in range(50):
            talk.send(frame)
        async with asyncio.timeout(20):
            while not (left := talk.unread_by_app) or talk.blocked < 2:
                await asyncio.sleep(0.01)
        talk.reading.set()
        told = [await talk.read() for _ in range(50)]

    assert 0 < left < 40
    assert sorted(each["sequence"] for each in told) == list(range(50))


async def test_a_client_that_does_not_read_in_time_has_left(
    settings: Settings, start_client: StartClient, open_stream: Any, frame: bytes
) -> None:
    hasty = settings.model_copy(update={"send_timeout_s": 0.01})
    async with start_client(hasty) as client, open_stream(client) as talk:
        await talk.next()
        talk.reading.clear()
        talk.send(frame)
        async with asyncio.timeout(20):
            await talk.task

        assert ask_app(client).state.resources.streams.open == 0


async def test_settings_changed_in_between_count_for_the_frames_after(
    client: httpx.AsyncClient, open_stream: Any, photograph: np.ndarray, frame: bytes
) -> None:
    async with open_stream(client, "format=raw&strength=0") as talk:
        await talk.next()
        talk.send(frame)
        first = await talk.read()
        talk.send('{"strength": 2, "format": "webp", "quality": 100}')
        talk.send(frame)
        second = await talk.read()
        talk.send('{"model": "teacher"}')
        talk.send(frame)
        third = await talk.read()

    assert first["picture"] == photograph.tobytes()
    assert (second["strength"], second["format"]) == (2, "webp")
    assert second["picture"][8:12] == b"WEBP"
    assert third["model"].startswith("teacher@")
    assert third["strength"] == 2


async def test_bad_settings_are_told_and_the_old_ones_stay(
    client: httpx.AsyncClient, open_stream: Any, frame: bytes
) -> None:
    async with open_stream(client, "format=raw&strength=0.5") as talk:
        await talk.next()
        errors = []
        for message in ('{"strength": 9}', '{"model": "no-such"}', "text", '{"speed": 1}'):
            talk.send(message)
            errors.append(await talk.read())
        talk.send(frame)
        answer = await talk.read()

    statuses = [each["problem"]["status"] for each in errors]
    assert statuses == [422, 404, 422, 422]
    assert {(each["type"], each["sequence"], each["final"]) for each in errors} == {
        ("error", None, False)
    }
    assert errors[0]["problem"]["invalid"][0]["parameter"] == "strength"
    assert "student" in errors[1]["problem"]["known_models"]
    assert (answer["sequence"], answer["strength"]) == (0, 0.5)


async def test_a_bad_frame_is_told_and_the_others_go_on(
    settings: Settings,
    start_client: StartClient,
    open_stream: Any,
    to_file: Callable[..., bytes],
    photograph: np.ndarray,
    frame: bytes,
) -> None:
    small = settings.model_copy(update={"max_frame_megapixels": 64 * 48 / 1e6})
    wide = struct.pack("<4sII", b"RGB8", 65, 48) + bytes(65 * 48 * 3)
    bad = {
        "broken-image": to_file(photograph, "jpeg")[:300],
        "unsupported-image": b"text",
        "image-too-large": wide,
    }
    async with start_client(small) as client:
        async with open_stream(client) as talk:
            await talk.next()
            told = []
            for data in bad.values():
                talk.send(data)
                told.append(await talk.read())
            talk.send(frame)
            answer = await talk.read()
        counted = await read_frames(client)

    assert [each["sequence"] for each in told] == [0, 1, 2]
    names = [each["problem"]["type"].rpartition(":")[2] for each in told]
    assert names == list(bad)
    assert answer["sequence"] == 3
    assert counted == {"failed": 3, "sharpened": 1}


async def test_an_unexpected_error_is_told_without_its_text_and_the_stream_goes_on(
    held: httpx.AsyncClient,
    open_stream: Any,
    stalled: Any,
    frame: bytes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_stream(held) as talk:
        await talk.next()
        stalled.release.set()
        with monkeypatch.context() as broken:
            broken.setattr(stalled, "run", lambda _batch: 1 / 0)
            talk.send(frame)
            told = await talk.read()
        talk.send(frame)
        answer = await talk.read()

    assert told["problem"]["status"] == 500
    assert "division" not in str(told)
    assert "division" in caplog.text
    assert answer["sequence"] == 1


async def test_a_frame_for_which_there_is_no_room_is_dropped_as_busy(
    settings: Settings,
    start_client: StartClient,
    open_stream: Any,
    stalled: Any,
    frame: bytes,
    photograph: np.ndarray,
    to_file: Callable[..., bytes],
) -> None:
    limits = {"max_megapixels_in_flight": LEAST_PIXELS / 1e6, "max_frame_wait_s": 0.01}
    narrow = settings.model_copy(update=limits)
    async with start_client(narrow, load=stalled.load) as client, open_stream(client) as talk:
        await talk.next()
        stalled.stall()
        posted = asyncio.create_task(client.post("/sharpen", content=to_file(photograph)))
        assert await asyncio.to_thread(stalled.entered.wait, 20)
        talk.send(frame)
        told = await talk.read()
        stalled.release.set()
        assert (await posted).status_code == 200
        talk.send(frame)
        answer = await talk.read()
        counted = await read_frames(client)

    assert told == {"type": "dropped", "sequence": 0, "reason": "busy"}
    assert (answer["sequence"], answer["dropped"]) == (1, 1)
    assert counted == {"busy": 1, "sharpened": 1}


async def test_frames_that_come_too_fast_are_dropped(
    settings: Settings, start_client: StartClient, open_stream: Any, frame: bytes
) -> None:
    slow = settings.model_copy(update={"max_frames_per_s": 1})
    async with start_client(slow) as client, open_stream(client) as talk:
        await talk.next()
        for _ in range(3):
            talk.send(frame)
        told = [await talk.read() for _ in range(3)]

    dropped = [each["sequence"] for each in told if each.get("reason") == "busy"]
    assert dropped == [1, 2]


async def test_new_weights_count_from_the_next_frame(
    client: httpx.AsyncClient, open_stream: Any, frame: bytes
) -> None:
    app = ask_app(client)
    async with open_stream(client) as talk:
        await talk.next()
        talk.send(frame)
        before = await talk.read()
        await swap_roles(app)
        talk.send(frame)
        after = await talk.read()

    assert before["model"].startswith("student@")
    assert after["model"].startswith("teacher@")
    assert before["picture"] != after["picture"]


async def swap_roles(app: Any) -> None:
    """Let the name `student` mean the teacher from now on."""
    import dataclasses

    resources = app.state.resources
    teacher = resources.models.get("teacher")

    class Swapped:
        def get(self, _name: str) -> Any:
            return teacher

        refusals = ()
        models = resources.models.models

    set_resources(app, dataclasses.replace(resources, models=Swapped()))


async def test_told_to_stop_it_finishes_what_it_took_and_says_so(
    held: httpx.AsyncClient, open_stream: Any, stalled: Any, frame: bytes, until: Until
) -> None:
    async with open_stream(held) as talk:
        await talk.next()
        talk.send(frame)
        assert await asyncio.to_thread(stalled.entered.wait, 20)
        talk.send(frame)
        await until(lambda: talk.unread_by_app == 0)
        app = ask_app(held)
        stop_taking(app)
        for _ in range(3):
            app.state.resources.streams.stop()
        await asyncio.sleep(0)
        talk.send(frame)
        stalled.release.set()
        answers = [await talk.read() for _ in range(2)]
        last = await talk.read()
        closing = await talk.next()

    assert [each["sequence"] for each in answers] == [0, 1]
    assert last["final"] is True
    assert last["problem"]["type"] == "urn:sharpening:problem:not-ready"
    assert (closing["type"], closing["code"]) == ("websocket.close", 1001)
    assert "stopping" in closing["reason"]


async def test_a_silent_client_is_closed(
    settings: Settings, start_client: StartClient, open_stream: Any
) -> None:
    impatient = settings.model_copy(update={"stream_idle_s": 0.01})
    async with start_client(impatient) as client, open_stream(client) as talk:
        await talk.next()
        closing = await talk.next()

    assert (closing["type"], closing["code"]) == ("websocket.close", 1000)


async def test_a_client_that_leaves_frees_its_place_and_its_work(
    held: httpx.AsyncClient, open_stream: Any, stalled: Any, to_raw: ToRaw, until: Until
) -> None:
    resources = ask_app(held).state.resources
    of_two_tiles = to_raw(np.zeros((64, 900, 3), np.uint8))
    async with open_stream(held) as talk:
        await talk.next()
        talk.send(of_two_tiles)
        assert await asyncio.to_thread(stalled.entered.wait, 20)
        stalled.entered.clear()
        talk.leave()
        await settle(talk, until)
        stalled.release.set()
        async with asyncio.timeout(20):
            await talk.task
        assert not stalled.entered.is_set()

        assert resources.streams.open == 0
        assert resources.admission.in_flight_pixels == 0


async def test_figures_and_one_line_of_the_log(
    client: httpx.AsyncClient, open_stream: Any, frame: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "service.access"):
        async with open_stream(client, headers={"x-request-id": "call-7"}) as talk:
            accepted = await talk.next()
            for data in (frame, b"text", frame):
                talk.send(data)
                await talk.read()
            during = (await client.get("/metrics")).text
        after = (await client.get("/metrics")).text

    assert (b"x-request-id", b"call-7") in accepted["headers"]
    assert "sharpen_open_streams 1.0" in during
    assert "sharpen_open_streams 0.0" in after
    for span in ("decode", "queue", "model", "encode"):
        assert f'sharpen_span_seconds_count{{span="{span}"}} 2.0' in after
    assert 'sharpen_requests_total{route="/stream",status="101"} 1.0' in after
    megapixels = re.search(r'sharpen_megapixels_total\{route="/stream"\} (\S+)', after)
    assert megapixels is not None
    assert float(megapixels[1]) == pytest.approx(2 * 64 * 48 / 1e6)
    (line,) = [each for each in caplog.messages if "/stream" in each]
    assert line.startswith("GET /stream status=101 id=call-7 total_ms=")
    assert line.endswith("sharpened_frames=2 failed_frames=1")


async def test_frames_leave_nothing_behind(
    client: httpx.AsyncClient, open_stream: Any, frame: bytes
) -> None:
    """Tasks, places and works of the frames that are done are gone while the stream goes on."""
    async with open_stream(client) as talk:
        await talk.next()
        before = len(asyncio.all_tasks())
        for _ in range(30):
            talk.send(frame)
            await talk.read()
        await asyncio.sleep(0)

        assert len(asyncio.all_tasks()) <= before + 1
        assert "works" not in talk.scope["state"]
        running: inference.Inference = ask_app(client).state.resources.inference
        assert not running._running
