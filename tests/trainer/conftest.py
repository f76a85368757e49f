"""Photographs to train on: pieces of the two that scikit-image ships as such."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage

PIECE_PX = 144


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder, with a subfolder, of 15 different photographs of 144x144."""
    folder = tmp_path_factory.mktemp("photographs")
    (folder / "more").mkdir()
    for name in ("astronaut", "chelsea"):
        picture = getattr(skimage.data, name)()[..., :3]
        for index, (top, left) in enumerate(np.ndindex(3, 3)):
            if (top + 1) * PIECE_PX > picture.shape[0]:
                continue
            piece = picture[
                top * PIECE_PX : (top + 1) * PIECE_PX, left * PIECE_PX : (left + 1) * PIECE_PX
            ]
            place = folder / "more" if index % 2 else folder
            PillowImage.fromarray(piece).save(place / f"{name}-{index}.png")
    return folder
