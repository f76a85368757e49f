import hashlib
from pathlib import Path

import httpx
import pytest

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
