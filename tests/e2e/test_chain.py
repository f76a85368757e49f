"""From a folder of photographs to a sharpened picture: what the trainer exports, the service loads.

The trainer runs in a process of its own, as it does for those who use it.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage

from service.models import load_models
from service.settings import Settings

REPOSITORY = Path(__file__).parents[2]
PIECE_PX = 144
TRAIN_S = 600


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder of 9 different photographs of 144x144."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    picture = skimage.data.astronaut()
    for index, (row, column) in enumerate(np.ndindex(3, 3)):
        top, left = row * PIECE_PX, column * PIECE_PX
        piece = picture[top : top + PIECE_PX, left : left + PIECE_PX]
        PillowImage.fromarray(piece).save(folder / f"{index}.png")
    return folder


@pytest.mark.slow
def test_the_service_sharpens_with_what_the_trainer_exports(
    photographs: Path, tmp_path: Path
) -> None:
    output = tmp_path / "weights"
    options = {"--data": photographs, "--run": tmp_path / "run", "--output": output}

    subprocess.run(
        [
            *(sys.executable, "-m", "trainer", "all", "--preset", "smoke"),
            *("--device", "cpu", "--threads", "1"),
            *(str(word) for option in options.items() for word in option),
        ],
        cwd=REPOSITORY,
        check=True,
        timeout=TRAIN_S,
    )
    store = load_models(Settings(weights_dir=output, device="cpu"))

    assert sorted(store.get_judged()) == ["student", "teacher"]
    assert store.get("student").card.teacher == store.get("teacher").sha256
    blurred = np.asarray(PillowImage.open(photographs / "0.png"))
    sharpened = store.get("student").engine.sharpen(blurred)
    assert sharpened.shape == blurred.shape
    assert not np.array_equal(sharpened, blurred)
