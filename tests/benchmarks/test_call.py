"""The table of the blind profile has a row a damage and says how far sharp pictures are moved."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from sharpening.networks import Network
from sharpening.weights import Card, save_weights

ROOT = Path(__file__).parents[2]


@pytest.fixture
def weights(
    tmp_path: Path,
    random_network: Callable[..., Network],
    make_card: Callable[[Network], Card],
) -> Path:
    network = random_network("student")
    path = tmp_path / "student.safetensors"
    tensors = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    save_weights(path, tensors, make_card(network))
    return path


def test_every_damage_is_a_row_and_every_model_a_column(tmp_path: Path, weights: Path) -> None:
    data = tmp_path / "pictures"
    data.mkdir()
    for index in range(3):
        piece = skimage.data.chelsea()[:64, 64 * index : 64 * index + 64]
        Image.fromarray(piece).save(data / f"{index}.png")
    figures = tmp_path / "figures.json"
    options = ["--data", data, "--pictures", "2", "--json", figures]
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.call", weights, *options],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    lines = finished.stdout.splitlines()
    assert lines[0].startswith("| | input | Pillow UnsharpMask(0.5, 25, 0) | `paper` student (")
    rows = [line.split(" | ") for line in lines[2:] if line.startswith("|")]
    assert all(len(row) == 4 for row in rows)
    assert "| JPEG, poor: JPEG 30 4:2:0" in [row[0] for row in rows]
    assert rows[-2][:2] == ["| nothing: the sharp picture, against itself", "- / 1.0000"]
    assert rows[-1][:2] == ["| the same, the worst picture", "-"]
    report = json.loads(figures.read_text())
    assert len(report) == len(rows) - 1 == len({row[0] for row in rows}) - 1
    assert all(row["blurred input"]["ssim"]["count"] == 2 for row in report.values())
    assert "Means over 2 pictures" in lines[-1]
