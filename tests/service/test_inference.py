import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from functools import partial

import pytest

from service.inference import Inference
from service.logs import request_id

pytestmark = pytest.mark.anyio

PATIENCE_S = 20


@pytest.fixture
def inference() -> Iterator[Inference]:
    inference = Inference(workers=1, codec_workers=1)
    yield inference
    inference.close(patience_s=PATIENCE_S)


async def test_result_comes_with_its_times(inference: Inference) -> None:
    timed = await inference.run_model(lambda: 42)

    assert timed.value == 42
    assert timed.waited_s >= 0
    assert timed.ran_s >= 0


async def test_networks_and_codec_have_threads_of_their_own(inference: Inference) -> None:
    names = [
        (await run(lambda: threading.current_thread().name)).value
        for run in (inference.run_model, inference.run_codec)
    ]

    assert names == ["model_0", "codec_0"]


async def test_codec_works_while_a_network_is_busy(inference: Inference) -> None:
    release = threading.Event()
    busy = asyncio.create_task(inference.run_model(lambda: release.wait(PATIENCE_S)))

    assert (await inference.run_codec(lambda: "decoded")).value == "decoded"

    release.set()
    assert (await busy).value


async def test_one_worker_runs_one_picture_at_a_time(inference: Inference) -> None:
    release = threading.Event()
    first = asyncio.create_task(inference.run_model(lambda: release.wait(PATIENCE_S)))
    second = asyncio.create_task(inference.run_model(release.is_set))
    while not _count_model_threads():
        await asyncio.sleep(0)

    threads = _count_model_threads()  # a pool starts one at once for whatever it need not queue
    release.set()

    assert threads == 1
    assert (await first).value
    assert (await second).value


def _count_model_threads() -> int:
    return sum(thread.name.startswith("model_") for thread in threading.enumerate())


async def test_error_of_the_work_reaches_the_caller(inference: Inference) -> None:
    def fail() -> None:
        raise LookupError("as planned")

    with pytest.raises(LookupError, match="as planned"):
        await inference.run_model(fail)


async def test_work_that_is_cancelled_holds_its_caller_until_its_thread_is_free(
    inference: Inference,
) -> None:
    entered, told, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        assert told.wait(PATIENCE_S)
        threading.Event().wait(0.05)
        ended.set()

    running = asyncio.create_task(inference.run_model(work, on_cancel=told.set))
    assert await asyncio.to_thread(entered.wait, PATIENCE_S)
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()


async def test_an_error_of_work_that_is_cancelled_is_nobodys_and_not_logged(
    inference: Inference, caplog: pytest.LogCaptureFixture
) -> None:
    entered, told = threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        assert told.wait(PATIENCE_S)
        raise LookupError("as planned")

    running = asyncio.create_task(inference.run_model(work, on_cancel=told.set))
    assert await asyncio.to_thread(entered.wait, PATIENCE_S)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    del running
    gc.collect()

    assert not caplog.messages


async def test_work_that_is_cancelled_before_a_thread_takes_it_never_runs(
    inference: Inference,
) -> None:
    release, ran = threading.Event(), threading.Event()
    busy = asyncio.create_task(inference.run_model(lambda: release.wait(PATIENCE_S)))
    waiting = asyncio.create_task(inference.run_model(ran.set))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    release.set()
    await busy
    await inference.run_model(lambda: None)

    assert not ran.is_set()


async def test_a_header_is_looked_at_while_everything_else_is_busy(inference: Inference) -> None:
    release = threading.Event()
    busy = [
        asyncio.create_task(run(lambda: release.wait(PATIENCE_S)))
        for run in (inference.run_model, inference.run_codec)
    ]

    assert await inference.peek(lambda: "seen") == "seen"

    release.set()
    await asyncio.gather(*busy)


async def test_what_failed_lets_go_of_what_it_was_given(inference: Inference) -> None:
    """Not only when the garbage collector comes by: it may be a picture of 64 MB."""

    def fail(_: Held) -> None:
        raise LookupError("as planned")

    held = Held()
    kept = weakref.ref(held)
    gc.disable()
    try:
        with pytest.raises(LookupError):
            await inference.run_codec(partial(fail, held))
        del held
        async with asyncio.timeout(PATIENCE_S):
            while kept() is not None:  # until the thread, too, has let go
                await asyncio.sleep(0.001)
    finally:
        gc.enable()


class Held:
    """Something to be given to work."""


async def test_threads_know_for_which_request_they_work(inference: Inference) -> None:
    token = request_id.set("job-17")
    try:
        assert (await inference.run_model(request_id.get)).value == "job-17"
    finally:
        request_id.reset(token)


async def test_closing_waits_no_longer_than_it_is_told_to() -> None:
    inference = Inference(workers=1, codec_workers=1)
    entered, release = threading.Event(), threading.Event()

    def work() -> bool:
        entered.set()
        return release.wait(PATIENCE_S)

    busy = asyncio.create_task(inference.run_model(work))
    queued = asyncio.create_task(inference.run_model(lambda: None))
    await asyncio.to_thread(entered.wait, PATIENCE_S)

    await asyncio.to_thread(inference.close, patience_s=0.01)

    assert not release.is_set()
    release.set()
    assert (await busy).value
    with pytest.raises(asyncio.CancelledError):
        await queued
