"""`POST /evaluate/batch`: the lines are what `/evaluate` says of each pair, whatever the others."""

import asyncio
import io
import json
import statistics
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import numpy as np
import pytest

from service.batches.spool import Spool
from service.settings import Settings
from sharpening.degradation import PaperDegradation
from sharpening.metrics import DEFINITIONS

pytestmark = pytest.mark.anyio

ToFile = Callable[..., bytes]
StartClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
Files = dict[str, bytes]
PATIENCE_S = 20
ROWS = ("input", "student", "teacher", "student_vs_teacher")
FIGURES = ("psnr", "ssim", "ssim_gaussian", "psnr_y")


@pytest.fixture
def references(photograph: np.ndarray, to_file: ToFile) -> Files:
    """Four pictures by name."""
    return {f"{turn}.png": to_file(np.rot90(photograph, turn)) for turn in range(4)}


@pytest.fixture
def images(photograph: np.ndarray, to_file: ToFile) -> Files:
    """The same, moved by a px."""
    moved = np.roll(photograph, 1, axis=0)
    return {f"{turn}.png": to_file(np.rot90(moved, turn)) for turn in range(4)}


def to_form(references: Files, images: Files) -> list[tuple[str, tuple[str, bytes]]]:
    return [
        *(("reference", entry) for entry in references.items()),
        *(("image", entry) for entry in images.items()),
    ]


def to_zip(references: Files, images: Files, **others: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder, files in (("reference", references), ("image", images)):
            for name, data in files.items():
                archive.writestr(f"{folder}/{name}", data)
        for name, data in others.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def read(answer: httpx.Response) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Return the lines by name, and the summary."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    *lines, last = (json.loads(line) for line in answer.text.splitlines())
    assert list(last) == ["summary"]
    by_name = {line["name"]: line for line in lines}
    assert len(by_name) == len(lines)
    return by_name, last["summary"]


async def post_form(client: httpx.AsyncClient, references: Files, images: Files) -> httpx.Response:
    return await client.post("/evaluate/batch", files=to_form(references, images))


async def post_zip(client: httpx.AsyncClient, references: Files, images: Files) -> httpx.Response:
    headers = {"Content-Type": "application/zip"}
    data = to_zip(references, images)
    return await client.post("/evaluate/batch", content=data, headers=headers)


async def post_archive(
    client: httpx.AsyncClient, references: Files, images: Files
) -> httpx.Response:
    files = {"archive": ("batch.zip", to_zip(references, images))}
    return await client.post("/evaluate/batch", files=files)


WAYS = pytest.mark.parametrize("post", [post_form, post_zip, post_archive])


@WAYS
async def test_every_line_is_what_evaluate_says_of_the_pair(
    client: httpx.AsyncClient,
    references: Files,
    images: Files,
    post: Callable[..., Any],
) -> None:
    lines, _ = read(await post(client, references, images))

    assert set(lines) == set(references)
    for name, line in lines.items():
        files = {"reference": references[name], "image": images[name]}
        alone = (await client.post("/evaluate", files=files)).json()
        assert line == {"name": name, **{row: alone[row] for row in ROWS}}


@WAYS
async def test_references_alone_are_blurred_as_evaluate_blurs_them(
    client: httpx.AsyncClient, references: Files, post: Callable[..., Any]
) -> None:
    lines, summary = read(await post(client, references, {}))

    for name, line in lines.items():
        alone = (await client.post("/evaluate", files={"reference": references[name]})).json()
        assert line["student"] == alone["student"]
    assert summary["degradation"] == PaperDegradation().model_dump()


async def test_the_summary_is_of_the_lines(
    client: httpx.AsyncClient, references: Files, images: Files
) -> None:
    references["same.png"] = images["same.png"] = references["0.png"]
    references["broken.png"] = b"broken"

    lines, summary = read(await post_form(client, references, images))

    judged = [line for line in lines.values() if "problem" not in line]
    assert (summary["pictures"], summary["errors"], len(judged)) == (6, 1, 5)
    for row in ROWS:
        for figure in FIGURES:
            values = [line[row][figure] for line in judged]
            present = [value for value in values if value is not None]
            assert summary[row][figure] == {
                "mean": pytest.approx(statistics.fmean(present)),
                "median": pytest.approx(statistics.median(present)),
                "min": min(present),
                "count": len(present),
                "missing": len(values) - len(present),
            }
    assert summary["input"]["psnr"]["missing"] == 1  # of the pair that is identical
    assert summary["definition"] == DEFINITIONS
    assert summary["models"]["student"].startswith("student@")
    assert summary["degradation"] is None


async def test_a_broken_file_has_its_problem_and_stops_nobody(
    client: httpx.AsyncClient,
    references: Files,
    images: Files,
    photograph: np.ndarray,
    to_file: ToFile,
) -> None:
    references["1.png"] = references["1.png"][:200]
    images["2.png"] = b"no picture at all"
    images["3.png"] = to_file(photograph[:9])
    headers = {"X-Request-ID": "job-17"}

    answer = await client.post(
        "/evaluate/batch", files=to_form(references, images), headers=headers
    )

    lines, summary = read(answer)
    problems = {name: line["problem"] for name, line in lines.items() if "problem" in line}
    assert {name: (each["status"], each["type"]) for name, each in problems.items()} == {
        "1.png": (400, "urn:sharpening:problem:broken-image"),
        "2.png": (415, "urn:sharpening:problem:unsupported-image"),
        "3.png": (422, "urn:sharpening:problem:size-mismatch"),
    }
    assert all({"title", "detail"} <= set(each) for each in problems.values())
    assert all(each["request_id"] == "job-17" for each in problems.values())
    assert summary["errors"] == 3
    assert lines["0.png"]["student"]["ssim"] > 0


async def test_what_nobody_foresaw_is_one_line_too_and_its_text_is_in_the_log_only(
    client: httpx.AsyncClient,
    references: Files,
    images: Files,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise LookupError("a secret")

    monkeypatch.setattr("service.batches.work.open_pair", fail)
    lines, summary = read(await post_form(client, references, images))

    assert {line["problem"]["status"] for line in lines.values()} == {500}
    assert "a secret" not in str(lines)
    assert "a secret" in caplog.text
    assert summary["input"]["psnr"] == {
        "mean": None, "median": None, "min": None, "count": 0, "missing": 0,
    }  # fmt: skip


@WAYS
async def test_files_without_their_counterpart_are_reported_by_name(
    client: httpx.AsyncClient, references: Files, images: Files, post: Callable[..., Any]
) -> None:
    del references["1.png"], images["2.png"]

    lines, summary = read(await post(client, references, images))

    assert "no reference" in lines["1.png"]["problem"]["detail"]
    assert "no image" in lines["2.png"]["problem"]["detail"]
    assert lines["1.png"]["problem"]["type"] == "urn:sharpening:problem:no-pair"
    assert (summary["pictures"], summary["errors"]) == (4, 2)


async def test_a_name_that_is_there_twice_is_ambiguous(
    client: httpx.AsyncClient, references: Files, images: Files
) -> None:
    form = [*to_form(references, images), ("image", ("1.png", images["2.png"]))]

    lines, summary = read(await client.post("/evaluate/batch", files=form))

    assert "1 references and 2 images" in lines["1.png"]["problem"]["detail"]
    assert summary["errors"] == 1


async def test_files_of_another_field_or_folder_are_reported(
    client: httpx.AsyncClient, references: Files, images: Files
) -> None:
    form = [*to_form(references, images), ("images", ("9.png", b"data"))]
    archive = to_zip(references, images, **{"notes.txt": b"text", "other/0.png": b"data"})

    by_form, _ = read(await client.post("/evaluate/batch", files=form))
    headers = {"Content-Type": "application/zip"}
    by_zip, _ = read(await client.post("/evaluate/batch", content=archive, headers=headers))

    assert "neither" in by_form["9.png"]["problem"]["detail"]
    assert "neither" in by_zip["notes.txt"]["problem"]["detail"]
    assert "neither" in by_zip["other/0.png"]["problem"]["detail"]
    assert "problem" not in by_zip["0.png"]


async def test_without_a_teacher_its_rows_are_null(
    settings: Settings, start_client: StartClient, references: Files, tmp_path: Any
) -> None:
    alone = tmp_path / "student.safetensors"
    alone.write_bytes((settings.weights_dir / alone.name).read_bytes())

    async with start_client(settings.model_copy(update={"weights_dir": tmp_path})) as client:
        lines, summary = read(await post_form(client, references, {}))

    assert lines["0.png"]["teacher"] is lines["0.png"]["student_vs_teacher"] is None
    assert summary["teacher"] is summary["student_vs_teacher"] is None
    assert summary["student"]["ssim"]["count"] == 4


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        ({"files": {"image": ("a.png", b"data")}}, 422, "no reference"),
        ({"files": {"reference": (None, "text")}}, 422, "is text"),
        ({"content": b"PK", "headers": {"Content-Type": "application/zip"}}, 400, "zip"),
        ({"content": b"", "headers": {"Content-Type": "application/zip"}}, 400, "zip"),
        ({"content": b"data", "headers": {"Content-Type": "image/png"}}, 415, "application/zip"),
        ({"content": b"data"}, 415, "multipart/form-data"),
        ({"files": [("archive", ("a.zip", b"PK")), ("image", ("a", b"b"))]}, 422, "either"),
        ({"files": {"archive": ("a.zip", b"no zip")}}, 400, "zip"),
    ],
)
async def test_what_is_no_batch_is_a_problem_as_a_whole(
    client: httpx.AsyncClient, request_: Mapping[str, Any], status: int, said: str
) -> None:
    answer = await client.post("/evaluate/batch", **request_)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


async def test_a_batch_may_have_more_bytes_than_other_bodies_and_not_more_than_its_own_limit(
    settings: Settings, start_client: StartClient, references: Files, images: Files
) -> None:
    sizes = [len(data) for data in (*references.values(), *images.values())]
    limits = {"max_body_bytes": max(sizes), "max_bodies_bytes": max(sizes)}
    roomy = settings.model_copy(update={**limits, "max_batch_bytes": 2 * sum(sizes)})
    tight = settings.model_copy(update={**limits, "max_batch_bytes": sum(sizes)})

    async with start_client(roomy) as client:
        judged = await post_form(client, references, images)
        single = await client.post("/evaluate", files={"reference": references["0.png"]})
    async with start_client(tight) as client:
        refused = await post_form(client, references, images)

    assert read(judged)[1]["errors"] == 0
    assert single.status_code == 413
    assert refused.status_code == 413
    assert refused.json()["limit_bytes"] == sum(sizes)


@WAYS
async def test_a_file_larger_than_any_picture_is_refused_alone(
    settings: Settings,
    start_client: StartClient,
    references: Files,
    images: Files,
    post: Callable[..., Any],
) -> None:
    limit = 2 * max(len(data) for data in references.values())
    images["1.png"] = images["1.png"].ljust(limit + 1, b"\0")
    tight = settings.model_copy(update={"max_body_bytes": limit})

    async with start_client(tight) as client:
        lines, summary = read(await post(client, references, images))

    assert lines["1.png"]["problem"]["status"] == 413
    assert lines["1.png"]["problem"]["limit_bytes"] == limit
    assert summary["errors"] == 1


@WAYS
async def test_more_pictures_than_allowed_are_refused_before_any_is_judged(
    settings: Settings, start_client: StartClient, references: Files, post: Callable[..., Any]
) -> None:
    tight = settings.model_copy(update={"max_batch_pictures": 3})

    async with start_client(tight) as client:
        answer = await post(client, references, {})

    assert answer.status_code == 413
    assert answer.json()["limit_pictures"] == 3


async def test_the_pixel_limit_of_evaluations_holds_for_each_picture(
    settings: Settings, start_client: StartClient, references: Files, to_file: ToFile
) -> None:
    references["small.png"] = to_file(np.zeros((8, 8, 3), np.uint8))
    tight = settings.model_copy(update={"max_evaluate_megapixels": 0.001})

    async with start_client(tight) as client:
        lines, summary = read(await post_form(client, references, {}))

    assert lines["0.png"]["problem"]["limit_megapixels"] == 0.001
    assert "problem" not in lines["small.png"]
    assert summary["errors"] == 4


async def test_one_batch_more_than_allowed_is_told_429_and_has_its_place_later(
    settings: Settings, start_client: StartClient, references: Files, stalled: Any
) -> None:
    narrow = settings.model_copy(update={"max_batches": 1})
    async with start_client(narrow, load=stalled.load) as client:
        stalled.stall()
        first = asyncio.create_task(post_form(client, references, {}))
        assert await asyncio.to_thread(stalled.entered.wait, PATIENCE_S)
        second = await post_form(client, references, {})
        stalled.release.set()
        assert read(await first)[1]["errors"] == 0
        third = await post_form(client, references, {})

    assert second.status_code == 429
    assert int(second.headers["retry-after"]) == second.json()["retry_after_s"]
    assert third.status_code == 200


async def test_an_upload_that_does_not_end_keeps_no_batch_out(
    settings: Settings, start_client: StartClient, references: Files
) -> None:
    narrow = settings.model_copy(update={"max_batches": 1})
    begun = asyncio.Event()

    async def halt() -> AsyncIterator[bytes]:
        yield b"PK"
        begun.set()
        await asyncio.Event().wait()

    async with start_client(narrow) as client:
        headers = {"Content-Type": "application/zip"}
        slow = asyncio.create_task(client.post("/evaluate/batch", content=halt(), headers=headers))
        await begun.wait()
        other = await post_form(client, references, {})
        slow.cancel()
        await asyncio.wait([slow])

    assert other.status_code == 200


async def test_a_batch_that_fails_to_come_gives_its_place_and_its_disk_back(
    settings: Settings,
    start_client: StartClient,
    references: Files,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[Spool] = []
    close = Spool.close
    monkeypatch.setattr(Spool, "close", lambda spool: (closed.append(spool), close(spool)))
    narrow = settings.model_copy(update={"max_batches": 1})

    async def end_early() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="reference"; filename="a"\r\n\r\nabc'

    async with start_client(narrow) as client:
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        broken = await client.post("/evaluate/batch", content=end_early(), headers=headers)
        sound = await post_form(client, references, {})

    assert broken.status_code == 400
    assert "ends before" in broken.json()["detail"]
    assert sound.status_code == 200
    assert len(closed) == 2


async def test_the_document_describes_bodies_and_lines(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    operation = document["paths"]["/evaluate/batch"]["post"]
    assert set(operation["requestBody"]["content"]) == {"multipart/form-data", "application/zip"}
    (content,) = operation["responses"]["200"]["content"].items()
    assert content[0] == "application/x-ndjson"
    named = {option["$ref"].rpartition("/")[2] for option in content[1]["itemSchema"]["anyOf"]}
    assert named == {"PictureLine", "ProblemLine", "SummaryLine"}
    assert named <= set(document["components"]["schemas"])
