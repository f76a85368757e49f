"""Weights that are replaced while the service runs."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.settings import Settings
from sharpening.networks import Network

pytestmark = pytest.mark.anyio

PATIENCE_S = 20
LOOK_S = 0.01
EVERYTHING_PASSES = -100.0

StartClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
SaveNetwork = Callable[..., str]
MakeStudent = Callable[[int], Network]


@pytest.fixture
def folder(weights_dir: Path, tmp_path: Path) -> Path:
    """A copy of the weights that a test may replace."""
    return Path(shutil.copytree(weights_dir, tmp_path / "weights"))


@pytest.fixture
def changing(folder: Path) -> Settings:
    return Settings(
        weights_dir=folder, device="cpu", watch_s=LOOK_S, canary_gain_db=EVERYTHING_PASSES
    )


@pytest.fixture
async def client(changing: Settings, start_client: StartClient) -> AsyncIterator[httpx.AsyncClient]:
    async with start_client(changing) as started:
        yield started


def digest_of(listed: list[dict[str, Any]], role: str) -> str:
    return next(model["sha256"] for model in listed if model["role"] == role)


async def wait_for(client: httpx.AsyncClient, path: str, expected: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while not expected(answer := (await client.get(path)).json()):
            await asyncio.sleep(LOOK_S)
    return answer


async def test_new_weights_take_the_place_of_the_old_ones(
    client: httpx.AsyncClient, folder: Path, make_student: MakeStudent, save_network: SaveNetwork
) -> None:
    teacher = digest_of((await client.get("/models")).json(), "teacher")

    newer = save_network(folder / "student.safetensors", make_student(9))

    listed = await wait_for(client, "/models", lambda models: digest_of(models, "student") == newer)
    assert len(listed) == 2
    assert digest_of(listed, "teacher") == teacher
    assert "sharpen_weights_swaps_total 1.0" in (await client.get("/metrics")).text


async def test_a_file_that_is_added_and_taken_away_again_comes_and_goes(
    client: httpx.AsyncClient, folder: Path, make_student: MakeStudent, save_network: SaveNetwork
) -> None:
    added = save_network(folder / "another.safetensors", make_student(9))
    await wait_for(client, "/models", lambda models: added in [model["sha256"] for model in models])

    (folder / "another.safetensors").unlink()

    await wait_for(client, "/models", lambda models: len(models) == 2)


async def test_a_bad_file_leaves_the_old_model_serving_and_shows(
    client: httpx.AsyncClient,
    folder: Path,
    photograph: np.ndarray,
    to_file: Callable[..., bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = digest_of((await client.get("/models")).json(), "student")
    path = folder / "student.safetensors"
    path.write_bytes(path.read_bytes()[:-100])

    (refusal,) = await wait_for(client, "/models/refused", bool)

    assert refusal["file"] == "student.safetensors"
    assert "not a complete safetensors file" in refusal["reason"]
    assert refusal["serving"] == f"student@{before[:12]}"
    assert "refused student.safetensors" in caplog.text
    listed = (await client.get("/models")).json()
    assert digest_of(listed, "student") == before
    assert [bool(model["refused"]) for model in listed] == [
        model["role"] == "student" for model in listed
    ]
    figures = (await client.get("/metrics")).text
    assert "sharpen_weights_refusals_total 1.0" in figures
    assert "sharpen_refused_weights_files 1.0" in figures
    assert "sharpen_weights_swaps_total 0.0" in figures
    answer = await client.post("/sharpen", content=to_file(photograph))
    assert answer.headers["x-model"] == refusal["serving"]


async def test_a_bad_new_file_is_shown_though_it_replaces_nothing(
    client: httpx.AsyncClient, folder: Path
) -> None:
    (folder / "another.safetensors").write_bytes(b"text")

    (refusal,) = await wait_for(client, "/models/refused", bool)

    assert refusal["serving"] is None
    assert len((await client.get("/models")).json()) == 2


async def test_a_model_that_does_not_sharpen_is_refused(
    changing: Settings,
    start_client: StartClient,
    folder: Path,
    make_student: MakeStudent,
    save_network: SaveNetwork,
) -> None:
    strict = changing.model_copy(update={"canary_gain_db": 0.2})
    async with start_client(strict) as client:
        save_network(folder / "student.safetensors", make_student(9))

        (refusal,) = await wait_for(client, "/models/refused", bool)

    assert "dB; expected at least 0.2 dB" in refusal["reason"]


async def test_a_refused_file_that_is_mended_is_taken(
    client: httpx.AsyncClient, folder: Path, make_student: MakeStudent, save_network: SaveNetwork
) -> None:
    (folder / "student.safetensors").write_bytes(b"half")
    await wait_for(client, "/models/refused", bool)

    newer = save_network(folder / "student.safetensors", make_student(9))

    await wait_for(client, "/models", lambda models: digest_of(models, "student") == newer)
    assert (await client.get("/models/refused")).json() == []


async def test_a_file_that_is_still_growing_is_left_alone(
    client: httpx.AsyncClient, folder: Path, make_student: MakeStudent, save_network: SaveNetwork
) -> None:
    newer = save_network(folder.parent / "whole", make_student(9))
    whole = (folder.parent / "whole").read_bytes()
    with (folder / "student.safetensors").open("wb", buffering=0) as file:
        for start in range(0, len(whole), 200):
            file.write(whole[start : start + 200])
            await asyncio.sleep(LOOK_S / 4)

    await wait_for(client, "/models", lambda models: digest_of(models, "student") == newer)
    assert "sharpen_weights_refusals_total 0.0" in (await client.get("/metrics")).text


async def test_without_any_student_left_everything_stays(
    client: httpx.AsyncClient, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "student.safetensors").unlink()

    async with asyncio.timeout(PATIENCE_S):
        while "the old models go on serving" not in caplog.text:
            await asyncio.sleep(LOOK_S)

    assert len((await client.get("/models")).json()) == 2
    assert "sharpen_weights_refusals_total 1.0" in (await client.get("/metrics")).text


async def test_a_request_keeps_the_model_that_it_began_with(
    changing: Settings,
    start_client: StartClient,
    stalled: Any,
    folder: Path,
    make_student: MakeStudent,
    save_network: SaveNetwork,
    photograph: np.ndarray,
    to_file: Callable[..., bytes],
) -> None:
    data = to_file(photograph)
    async with start_client(changing, load=stalled.load) as client:
        before = digest_of((await client.get("/models")).json(), "student")
        stalled.stall()
        begun = asyncio.create_task(client.post("/sharpen", content=data))
        assert await asyncio.to_thread(stalled.entered.wait, PATIENCE_S)
        newer = save_network(folder / "student.safetensors", make_student(9))
        await wait_for(client, "/models", lambda models: digest_of(models, "student") == newer)
        stalled.release.set()

        assert (await begun).headers["x-model"] == f"student@{before[:12]}"
        later = await client.post("/sharpen", content=data)
        assert later.headers["x-model"] == f"student@{newer[:12]}"


async def test_with_the_watch_off_it_looks_when_asked(
    changing: Settings,
    start_client: StartClient,
    folder: Path,
    make_student: MakeStudent,
    save_network: SaveNetwork,
) -> None:
    async with start_client(changing.model_copy(update={"watch_s": 0})) as client:
        app: Any = client._transport
        newer = save_network(folder / "student.safetensors", make_student(9))
        await asyncio.sleep(10 * LOOK_S)
        assert digest_of((await client.get("/models")).json(), "student") != newer

        app.app.state.renewal.ask()

        await wait_for(client, "/models", lambda models: digest_of(models, "student") == newer)


async def test_asking_tries_again_what_was_refused(
    client: httpx.AsyncClient, folder: Path, make_student: MakeStudent, save_network: SaveNetwork
) -> None:
    path = folder / "student.safetensors"
    newer = save_network(folder.parent / "whole", make_student(9))
    whole = (folder.parent / "whole").read_bytes()
    path.write_bytes(whole[::-1])
    await wait_for(client, "/models/refused", bool)
    status = path.stat()
    with path.open("r+b") as file:  # the same size, file and time, and yet another content
        file.write(whole)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    app: Any = client._transport
    app.app.state.renewal.ask()

    await wait_for(client, "/models", lambda models: digest_of(models, "student") == newer)
