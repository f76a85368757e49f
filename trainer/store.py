"""Photographs decoded, blurred and taught once, kept on disk and read as patches.

Each plane is a memory-mapped `.npy` file named by the content that made it, so runs share a store,
a second run finds everything in place, and memory is bounded by the patches in use. What of a
photograph is converted and which ones are left out, `trainer.photographs` says.

A random degradation blurs each photograph several times, every version in its own way: the
photograph's hash and the version's number are the seed.
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

_PILLOW = f"pillow-{PIL.__version__}"


_ABANDONED_S = 24 * 3600
"""Another run may be writing into the same store."""


@dataclass(frozen=True)
class Loaded:
    """The pictures by their photographs' hashes, and the photographs that cannot be used.

    Where there are several versions of each photograph, they lie one after the other, and each
    is known by the hash and its number.
    """

    pictures: dict[str, Picture]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class Store:
    """A folder of planes for one degradation."""

    folder: Path
    degradation: Degradation

    def load(self, photographs: Sequence[Photograph], *, patch_px: int) -> Loaded:
        """Return the sharp and blurred planes of the photographs, one version of each.

        See `decode` and `blur`.
        """
        decoded = self.decode(photographs, patch_px=patch_px)
        return Loaded(self.blur(decoded.pictures), decoded.left_out)

    def decode(self, photographs: Sequence[Photograph], *, patch_px: int) -> Loaded:
        """Return the sharp planes of the photographs, making what is missing.

        Photographs that cannot be decoded or are smaller than a patch are left out, and said to
        be. Raises `TrainingError` if none is left.
        """
        remove_leftovers(self.folder, older_than_s=_ABANDONED_S)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(
                lambda photograph: self._decode_one(photograph, patch_px), photographs
            )
            shown = list(_show(results, "decoding", len(photographs)))
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

    def blur(self, pictures: Mapping[str, Picture], *, versions: int = 1) -> dict[str, Picture]:
        """Return the sharp pictures with a second plane, the blurred one.

        `pictures` are those of `decode`. A random degradation gives so many versions of each, one
        after the other; any other degradation gives one.
        """
        wanted = [
            (sha256, version if self.degradation.is_random else None)
            for sha256 in pictures
            for version in range(versions if self.degradation.is_random else 1)
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            blurred = pool.map(lambda each: self._blur_one(pictures[each[0]], *each), wanted)
            shown = list(_show(blurred, "blurring", len(wanted)))
        return {
            _name_version(*each): {**pictures[each[0]], "blurred": plane}
            for each, plane in zip(wanted, shown, strict=True)
        }

    def teach(
        self, pictures: Mapping[str, Picture], teacher: Sharpener, name: str
    ) -> dict[str, Picture]:
        """Return the pictures with a third plane: what the teacher makes of the blurred one.

        `pictures` are those of `blur`. `name` tells the teacher's answers from those of any other.
        """
        taught: dict[str, Picture] = {}
        for version, picture in _show(pictures.items(), "asking the teacher", len(pictures)):
            ask = partial(teacher.sharpen, picture["blurred"])
            taught[version] = {
                **picture,
                "taught": self._plane(f"{version}.{_PILLOW}.{self._described}.taught-{name}", ask),
            }
        return taught

    @property
    def _described(self) -> str:
        return hashlib.sha256(self.degradation.model_dump_json().encode()).hexdigest()[:16]

    def _decode_one(self, photograph: Photograph, patch_px: int) -> Picture | LeftOut:
        name = f"{photograph.sha256}.{_PILLOW}.sharp"
        try:
            sharp = self._plane(name, lambda: _decode(photograph.path))
        except ImageError as error:
            return explain_failure(photograph.path, error)
        if small := explain_small(photograph.path, sharp.shape, patch_px):
            return small
        return {"sharp": sharp}

    def _blur_one(self, picture: Picture, sha256: str, version: int | None) -> Pixels:
        seed = None if version is None else (int(sha256, 16), version)
        generator = None if seed is None else np.random.default_rng(seed)
        name = f"{_name_version(sha256, version)}.{_PILLOW}.{self._described}.blurred"
        return self._plane(name, lambda: self.degradation.apply(picture["sharp"], generator))

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


def _name_version(sha256: str, version: int | None) -> str:
    return sha256 if version is None else f"{sha256}-{version}"


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
