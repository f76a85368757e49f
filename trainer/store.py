"""Photographs decoded, blurred and taught once, kept on disk and read as patches.

Each plane is a memory-mapped `.npy` file named by the content that made it, so runs share a store,
a second run finds everything in place, and memory is bounded by the patches in use. What of a
photograph is converted and which ones are left out, `trainer.photographs` says.
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

from sharpening.degradation import Degradation
from sharpening.errors import ImageError, TrainingError
from sharpening.evaluation import Sharpener
from sharpening.files import remove_leftovers, write_atomically
from trainer.photographs import (
    LeftOut,
    Photograph,
    describe_left_out,
    explain_failure,
    explain_small,
    read_pixels,
)

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

Pixels = npt.NDArray[np.uint8]
Picture = Mapping[str, Pixels]
"""The planes of one photograph, all of one size: `sharp`, `blurred` and perhaps `taught`."""

GRID_PX = 2
"""The degradation works on a half-size grid: patches start on it."""


_ABANDONED_S = 24 * 3600
"""Another run may be writing into the same store."""


@dataclass(frozen=True)
class Loaded:
    """The pictures by their photographs' hashes, and the photographs that cannot be used."""

    pictures: dict[str, Picture]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class Store:
    """A folder of planes for one degradation."""

    folder: Path
    degradation: Degradation

    def load(self, photographs: Sequence[Photograph], *, patch_px: int) -> Loaded:
        """Return the sharp and blurred planes of the photographs, making what is missing.

        Photographs that cannot be decoded or are smaller than a patch are left out, and said to
        be. Raises `TrainingError` if none is left.
        """
        remove_leftovers(self.folder, older_than_s=_ABANDONED_S)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(lambda photograph: self._load_one(photograph, patch_px), photographs)
            shown = list(_show(results, "preparing", len(photographs)))
        left_out = tuple(each for each in shown if isinstance(each, LeftOut))
        pictures = {
            photograph.sha256: result
            for photograph, result in zip(photographs, shown, strict=True)
            if not isinstance(result, LeftOut)
        }
        if not pictures:
            raise TrainingError(
                f"none of {len(photographs)} photographs can be used: give others\n"
                + describe_left_out(left_out, len(photographs))
            )
        return Loaded(pictures, left_out)

    def teach(
        self, pictures: Mapping[str, Picture], teacher: Sharpener, name: str
    ) -> dict[str, Picture]:
        """Return the pictures with a third plane: what the teacher makes of the blurred one.

        `name` tells the teacher's answers from those of any other.
        """
        taught: dict[str, Picture] = {}
        for sha256, picture in _show(pictures.items(), "asking the teacher", len(pictures)):
            ask = partial(teacher.sharpen, picture["blurred"])
            taught[sha256] = {
                **picture,
                "taught": self._plane(
                    f"{sha256}.pillow-{PIL.__version__}.{self._described}.taught-{name}", ask
                ),
            }
        return taught

    @property
    def _described(self) -> str:
        return hashlib.sha256(self.degradation.model_dump_json().encode()).hexdigest()[:16]

    def _load_one(self, photograph: Photograph, patch_px: int) -> Picture | LeftOut:
        name = f"{photograph.sha256}.pillow-{PIL.__version__}"
        try:
            sharp = self._plane(f"{name}.sharp", lambda: _decode(photograph.path))
        except ImageError as error:
            return explain_failure(photograph.path, error)
        if small := explain_small(photograph.path, sharp.shape, patch_px):
            return small
        blurred = self._plane(
            f"{name}.{self._described}.blurred", lambda: self.degradation.apply(sharp)
        )
        return {"sharp": sharp, "blurred": blurred}

    def _plane(self, name: str, make: Callable[[], Pixels]) -> Pixels:
        path = self.folder / f"{name}.npy"
        if not path.exists():
            buffer = io.BytesIO()
            np.save(buffer, make())
            try:
                write_atomically(path, buffer.getvalue())
            except OSError as error:
                raise TrainingError(
                    f"cannot write into the store {self.folder}: {error}; what is there is kept: "
                    "make room or name another --store, then give the same command again"
                ) from error
        plane: Pixels = np.load(path, mmap_mode="r")
        return plane


def _decode(path: Path) -> Pixels:
    """Return the photograph on the degradation's grid: 8-bit, both sides even."""
    pixels = read_pixels(path)
    height, width = (side // GRID_PX * GRID_PX for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[:height, :width])


def _show(items: Iterable[Item], doing: str, total: int) -> Iterator[Item]:
    shown = tqdm(items, desc=doing, total=total, unit="photo", disable=None)
    if shown.disable:
        logger.info("%s: %d photographs", doing, total)
    iterator: Iterator[Item] = iter(shown)
    return iterator
