import hashlib
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.settings import Settings

pytestmark = pytest.mark.anyio


async def test_each_model_is_listed_as_its_file_says(
    client: httpx.AsyncClient, weights_dir: Path
) -> None:
    listed = (await client.get("/models")).json()

    student = next(model for model in listed if model["role"] == "student")
    digest = hashlib.sha256((weights_dir / "student.safetensors").read_bytes()).hexdigest()
    assert len(listed) == 2
    assert student["sha256"] == digest
    assert student["name"] == f"student@{digest[:12]}"
    assert student["names"] == ["paper/student", "student", f"student@{digest[:12]}"]
    assert student["runtime"] == "openvino"
    assert student["precision"] in ("float32", "bfloat16")
    assert student["device"] == "cpu"
    assert student["metrics"] == {"psnr": 30.0}
    assert student["licence"] == "MIT"
    assert student["parameters"] == 1028
    assert (student["receptive_field_px"], student["multiple_of"]) == (7, 2)


@pytest.fixture
async def exported(
    tmp_path: Path, weights_dir: Path, start_client: Callable[..., Any]
) -> AsyncIterator[tuple[httpx.AsyncClient, Path]]:
    """A client of models beside which lies what stands for the student's graph."""
    folder = shutil.copytree(weights_dir, tmp_path / "weights")
    digest = hashlib.sha256((folder / "student.safetensors").read_bytes()).hexdigest()
    (folder / "student.onnx").write_bytes(b"a graph of " + digest.encode())
    async with start_client(Settings(weights_dir=folder, device="cpu")) as client:
        yield client, folder


async def test_the_graph_beside_the_weights_is_handed_out_once(
    exported: tuple[httpx.AsyncClient, Path],
) -> None:
    client, folder = exported

    answer = await client.get("/models/onnx", params={"model": "paper/student"})
    again = await client.get("/models/onnx", headers={"If-None-Match": answer.headers["etag"]})

    assert answer.content == (folder / "student.onnx").read_bytes()
    assert answer.headers["x-model"].startswith("student@")
    assert (again.status_code, again.content) == (304, b"")


async def test_a_graph_of_other_weights_is_not_handed_out(
    exported: tuple[httpx.AsyncClient, Path],
) -> None:
    client, folder = exported
    (folder / "student.onnx").write_bytes(b"a graph of " + b"0" * 64)
    (folder / "teacher.onnx").unlink(missing_ok=True)

    for model in ("student", "teacher"):
        answer = await client.get("/models/onnx", params={"model": model})

        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:sharpening:problem:no-graph"
