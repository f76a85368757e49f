"""Photographs to train on, pieces of the two that scikit-image ships as such; and bad files."""

import io
import shutil
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


def encode(picture: PillowImage.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format_, **options)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def mixed(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the 15 photographs, six odd ones that can be used and twelve that cannot.

    The odd ones are in `odd`, the others in `bad`, each named by what is odd or bad about it.
    """
    folder = tmp_path_factory.mktemp("mixed") / "photographs"
    shutil.copytree(photographs, folder)
    piece = PillowImage.open(photographs / "chelsea-0.png")
    sixteen_bits = PillowImage.fromarray(np.asarray(piece.convert("L")).astype(np.uint16) * 257)
    (folder / "odd").mkdir()
    for name, data in {
        "greyscale.png": encode(piece.convert("L"), "PNG"),
        "palette.png": encode(piece.quantize(64), "PNG"),
        "transparent.png": encode(piece.convert("RGBA"), "PNG"),
        "ink.jpg": encode(piece.convert("CMYK"), "JPEG"),
        "sixteen-bits.png": encode(sixteen_bits, "PNG"),
        "a-jpeg-called.png": encode(piece, "JPEG"),
    }.items():
        (folder / "odd" / name).write_bytes(data)
    bad = folder / "bad"
    bad.mkdir()
    for name, data in {
        "empty.jpg": b"",
        "text.png": b"<html>404 not found</html>",
        "one-pixel.png": encode(piece.crop((0, 0, 1, 1)), "PNG"),
        "narrow.png": encode(piece.crop((0, 0, 20, 144)), "PNG"),
        "cut.png": encode(piece, "PNG")[:-9000],
        "cut.jpg": encode(piece, "JPEG")[:-1000],
        "header-only.tif": b"II*\0",
        "animated.webp": encode(piece, "WEBP", save_all=True, append_images=[piece.rotate(90)]),
        "float.tiff": encode(PillowImage.fromarray(np.ones((64, 64), np.float32)), "TIFF"),
        "huge.png": encode(PillowImage.new("1", (9000, 9000)), "PNG"),
    }.items():
        (bad / name).write_bytes(data)
    (bad / "link.png").symlink_to("nowhere.png")
    (bad / "ring.png").symlink_to("ring.png")
    return folder
