"""Photographs decoded, blurred and taught once, kept on disk and read as patches.

Each plane is a memory-mapped `.npy` file named by the content that made it, so runs share a store,
a second run finds everything in place, and memory is bounded by the patches in use.
"""

import hashlib
import io
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import PIL
from tqdm.auto import tqdm

from sharpening.codec import decode
from sharpening.degradation import Degradation
from sharpening.engine import Engine
from sharpening.errors import ImageError, TrainingError
from sharpening.files import write_atomically
from trainer.photographs import Photograph

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

Pixels = npt.NDArray[np.uint8]
Picture = Mapping[str, Pixels]
"""The planes of one photograph, all of one size: `sharp`, `blurred` and perhaps `taught`."""

GRID_PX = 2
"""The degradation works on a half-size grid: patches start on it."""


@dataclass(frozen=True)
class Store:
    """A folder of planes for one degradation."""

    folder: Path
    degradation: Degradation

    def load(self, photographs: Sequence[Photograph], *, patch_px: int) -> dict[str, Picture]:
        """Return the sharp and blurred planes by the photographs' hashes, making what is missing.

        Photographs that cannot be decoded or are smaller than a patch are logged and left out.
        Raises `TrainingError` if none is left.
        """
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(lambda photograph: self._load_one(photograph, patch_px), photographs)
            pictures = {
                photograph.sha256: picture
                for photograph, picture in zip(
                    photographs, _show(results, "preparing", len(photographs)), strict=True
                )
                if picture is not None
            }
        if not pictures:
            raise TrainingError(f"none of {len(photographs)} photographs can be used: see the log")
        return pictures

    def teach(
        self, pictures: Mapping[str, Picture], teacher: Engine, teacher_sha256: str
    ) -> dict[str, Picture]:
        """Return the pictures with a third plane: what the teacher makes of the blurred one."""
        taught: dict[str, Picture] = {}
        for sha256, picture in _show(pictures.items(), "asking the teacher", len(pictures)):
            ask = partial(teacher.sharpen, picture["blurred"])
            taught[sha256] = {
                **picture,
                "taught": self._plane(f"{sha256}.{self._described}.taught-{teacher_sha256}", ask),
            }
        return taught

    @property
    def _described(self) -> str:
        return hashlib.sha256(self.degradation.model_dump_json().encode()).hexdigest()[:16]

    def _load_one(self, photograph: Photograph, patch_px: int) -> Picture | None:
        name = f"{photograph.sha256}.pillow-{PIL.__version__}"
        try:
            sharp = self._plane(f"{name}.sharp", lambda: _decode(photograph.path))
        except ImageError as error:
            logger.warning("left out %s: %s", photograph.path, error)
            return None
        if min(sharp.shape[:2]) < patch_px:
            logger.warning("left out %s: smaller than a patch of %d", photograph.path, patch_px)
            return None
        blurred = self._plane(
            f"{name}.{self._described}.blurred", lambda: self.degradation.apply(sharp)
        )
        return {"sharp": sharp, "blurred": blurred}

    def _plane(self, name: str, make: Callable[[], Pixels]) -> Pixels:
        path = self.folder / f"{name}.npy"
        if not path.exists():
            buffer = io.BytesIO()
            np.save(buffer, make())
            write_atomically(path, buffer.getvalue())
        plane: Pixels = np.load(path, mmap_mode="r")
        return plane


def _decode(path: Path) -> Pixels:
    """Return the photograph on the degradation's grid: 8-bit, both sides even."""
    pixels = decode(path.read_bytes()).pixels
    if pixels.dtype != np.uint8:
        raise ImageError("16-bit photographs are not used: convert it to 8 bits")
    height, width = (side // GRID_PX * GRID_PX for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[:height, :width])


def _show(items: Iterable[Item], doing: str, total: int) -> Iterator[Item]:
    shown = tqdm(items, desc=doing, total=total, unit="photo", disable=None)
    if shown.disable:
        logger.info("%s: %d photographs", doing, total)
    iterator: Iterator[Item] = iter(shown)
    return iterator
