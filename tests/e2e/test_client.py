"""Both clients against the real server."""

import asyncio
import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import skimage.data
from PIL import Image as PillowImage

from service.client import (
    AsyncSharpenClient,
    BatchSummary,
    Pair,
    PictureFailure,
    PictureRefusedError,
    PictureScores,
    Progress,
    RefusedError,
    SharpenClient,
    UnknownNameError,
)


@pytest.fixture(scope="module")
def picture() -> bytes:
    """A photograph of 96x80 as a PNG."""
    buffer = io.BytesIO()
    PillowImage.fromarray(skimage.data.chelsea()[:80, 100:196]).save(buffer, "png")
    return buffer.getvalue()


def test_both_clients_say_the_same(server: Any, picture: bytes, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(picture)

    async def ask_later() -> list[Any]:
        async with AsyncSharpenClient(server.url) as client:
            return await asyncio.gather(
                client.sharpen(path, strength=0.5, format="webp"),
                client.evaluate(path),
                client.models(),
                client.health(),
            )

    later = asyncio.run(ask_later())
    with SharpenClient(server.url) as client:
        now = [
            client.sharpen(picture, strength=0.5, format="webp"),
            client.evaluate(picture),
            client.models(),
            client.health(),
        ]

    assert (now[0].data, now[0].etag, now[0].model) == (
        later[0].data,
        later[0].etag,
        later[0].model,
    )
    assert now[1:] == later[1:]
    assert now[0].media_type == "image/webp"
    assert set(now[0].timings_ms) == {"decode", "queue", "model", "encode"}
    assert now[1].student.psnr > now[1].input.psnr
    assert {model.role for model in now[2]} == {"student", "teacher"}
    assert now[3].ready


def test_errors_carry_what_the_service_said(server: Any, picture: bytes) -> None:
    with SharpenClient(server.url) as client:
        with pytest.raises(PictureRefusedError) as unsupported:
            client.sharpen(b"text")
        with pytest.raises(UnknownNameError) as unknown:
            client.sharpen(picture, model="no-such-model")
        with pytest.raises(RefusedError, match="strength") as parameter:
            client.sharpen(picture, strength=3)

    assert unsupported.value.status == 415
    assert unsupported.value.request_id
    assert "student" in unknown.value.extensions["known_models"]
    assert type(parameter.value) is RefusedError


def test_one_client_serves_many_threads(server: Any, picture: bytes) -> None:
    with SharpenClient(server.url) as client, ThreadPoolExecutor(8) as threads:
        sharpened = list(threads.map(client.sharpen, [picture] * 16))

    assert len({each.data for each in sharpened}) == 1


def test_progress_tells_of_upload_and_pictures(server: Any, picture: bytes, tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(picture)
    pairs = [Pair("a.png", picture), Pair("b.png", tmp_path / "b.png"), Pair("c.png", b"text")]
    told: list[Progress] = []

    with SharpenClient(server.url) as client:
        *lines, summary = client.evaluate_batch(pairs, progress=told.append)

    by_name = {line.name: line for line in lines if not isinstance(line, BatchSummary)}
    assert isinstance(by_name["c.png"], PictureFailure)
    assert by_name["c.png"].problem.status == 415
    first, second = by_name["a.png"], by_name["b.png"]
    assert isinstance(first, PictureScores)
    assert isinstance(second, PictureScores)
    assert first.student == second.student
    assert isinstance(summary, BatchSummary)
    assert (summary.pictures, summary.errors) == (3, 1)
    assert summary.student.psnr.mean == pytest.approx(first.student.psnr)
    uploads = [each for each in told if each.phase == "upload"]
    assert uploads[-1].done == uploads[-1].total
    pictures = [(each.done, each.total) for each in told if each.phase == "pictures"]
    assert pictures == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_zip_is_judged_as_its_pairs_are(
    server: Any, picture: bytes, tmp_path: Path, kind: str
) -> None:
    archive = tmp_path / "pairs.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("reference/a.png", picture)
        packed.writestr("image/a.png", picture)

    lines = asyncio.run(collect_later(server.url, archive)) if kind == "async" else None
    if lines is None:
        with SharpenClient(server.url) as client:
            lines = list(client.evaluate_batch(archive))

    scores, summary = lines
    assert scores.name == "a.png"
    assert scores.input.identical
    assert summary.input.psnr.missing == 1


async def collect_later(url: str, pictures: Any) -> list[Any]:
    async with AsyncSharpenClient(url) as client:
        return [line async for line in client.evaluate_batch(pictures)]


def test_lines_come_as_they_are_done_and_the_rest_can_be_left(server: Any, picture: bytes) -> None:
    pairs = [Pair(f"{index}.png", picture) for index in range(50)]

    with SharpenClient(server.url) as client:
        lines = client.evaluate_batch(pairs)
        first = next(lines)
        lines.close()
        assert client.health().ready

    assert isinstance(first, PictureScores)


def test_both_clients_stream_the_same_batch(server: Any, picture: bytes) -> None:
    pairs = [Pair(f"{index}.png", picture, picture) for index in range(3)]

    later = asyncio.run(collect_later(server.url, pairs))
    with SharpenClient(server.url) as client:
        now = list(client.evaluate_batch(pairs))

    def name(line: Any) -> str:
        return getattr(line, "name", "summary")

    assert sorted(now, key=name) == sorted(later, key=name)
    assert isinstance(now[-1], BatchSummary)
