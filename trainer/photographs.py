"""Finding photographs and setting some aside for validation, by what is in them.

A photograph is known by the hash of its bytes: neither its name nor its folder decides which side
of the split it is on, and a copy counts once.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sharpening.errors import TrainingError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"})


@dataclass(frozen=True)
class Photograph:
    """A file and the SHA-256 of its bytes."""

    path: Path
    sha256: str


def find_photographs(folder: Path) -> list[Photograph]:
    """Return every photograph below `folder`, copies left out, ordered by content.

    Raises `TrainingError` if there is no such folder or nothing in it.
    """
    if not folder.is_dir():
        raise TrainingError(f"{folder} is not a folder: give one that holds photographs")
    found: dict[str, Photograph] = {}
    for path in list_pictures(folder):
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        found.setdefault(sha256, Photograph(path, sha256))
    if not found:
        raise TrainingError(f"no photographs in {folder}: expected {', '.join(sorted(SUFFIXES))}")
    return [found[sha256] for sha256 in sorted(found)]


def list_pictures(folder: Path) -> list[Path]:
    """Return the picture files below `folder`, ordered by path."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return sorted(path for path in found if path.is_file())


def split_photographs(
    photographs: Sequence[Photograph], validation_fraction: float
) -> tuple[list[Photograph], list[Photograph]]:
    """Return those to train on and those to validate on; at least one of each.

    Which side a photograph falls on depends on its own bytes alone, unless all would fall on one:
    then the first by hash changes sides. Raises `TrainingError` for fewer than two.
    """
    if len(photographs) < 2:
        raise TrainingError("training needs at least two different photographs: add some")
    ordered = sorted(photographs, key=lambda photograph: photograph.sha256)
    below = [int(item.sha256[:8], 16) / 2**32 < validation_fraction for item in ordered]
    if all(below) or not any(below):
        below[0] = not below[0]
    training = [item for item, chosen in zip(ordered, below, strict=True) if not chosen]
    validation = [item for item, chosen in zip(ordered, below, strict=True) if chosen]
    return training, validation


def split_by_name(
    photographs: Sequence[Photograph], training: int
) -> tuple[list[Photograph], list[Photograph]]:
    """Return the first photographs by file name, so many of them, and all those after them.

    Raises `TrainingError` if nothing comes after them.
    """
    ordered = sorted(photographs, key=lambda photograph: (photograph.path.name, photograph.sha256))
    if len(ordered) <= training:
        raise TrainingError(
            f"this preset trains on the first {training} photographs and validates on those after "
            f"them; got {len(ordered)}: add some, or choose a preset that splits by content"
        )
    return ordered[:training], ordered[training:]


def hash_photographs(photographs: Sequence[Photograph]) -> str:
    """Return one SHA-256 for the whole set, whatever its order."""
    joined = "\n".join(sorted(photograph.sha256 for photograph in photographs))
    return hashlib.sha256(joined.encode()).hexdigest()
