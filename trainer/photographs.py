"""Finding photographs and setting some aside for validation, by what is in them.

A photograph is known by the hash of its bytes: neither its name nor its folder decides which side
of the split it is on, and a copy counts once.

A folder may hold anything. Looked at are the files whose names end in one of `SUFFIXES`; what is
in them decides what they are, so a JPEG called `.png` is a JPEG. Made fit for training: greyscale
becomes three equal channels, a palette its colours, CMYK ink sRGB, 16 bits are rounded to
8, transparency is dropped, EXIF orientation applied, and an odd row or column at the end
cut off. Left out, with a `Reason`: what cannot be opened or is not a file (a link to nothing), is
empty, damaged or cut short, is no picture of these formats or an animation, is too
large to decode, or smaller than a patch.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sharpening.codec import Image, decode
from sharpening.errors import (
    BrokenImageError,
    ImageError,
    ImageTooLargeError,
    TrainingError,
    UnknownFormatError,
    UnsupportedImageError,
)

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".avif"})

_LISTED_PATHS = 20
_MAX_FILE_BYTES = 2**30
"""Twice what 64 megapixels take at four channels of 16 bits; a larger file is no photograph."""


class Reason(StrEnum):
    """Why a photograph is not used."""

    UNREADABLE = "cannot be read"
    DAMAGED = "damaged or incomplete"
    NOT_A_PICTURE = "not a picture in a format that is read"
    UNSUPPORTED = "of a kind that is not used"
    TOO_LARGE = "too large"
    TOO_SMALL = "smaller than a patch"


@dataclass(frozen=True)
class Photograph:
    """A file and the SHA-256 of its bytes."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class LeftOut:
    """A file that is not used: why, in words that others share, and what is special to it."""

    path: Path
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Found:
    """What a folder holds: photographs ordered by content, and what could not be read."""

    photographs: list[Photograph]
    left_out: tuple[LeftOut, ...]


def find_photographs(folder: Path) -> Found:
    """Return every photograph below `folder`, copies counted once, and what cannot be read.

    Nothing is decoded. Raises `TrainingError` if there is no such folder or no photograph in it.
    """
    if not folder.is_dir():
        raise TrainingError(f"{folder} is not a folder: give one that holds photographs")
    paths, left_out = _walk(folder)
    found: dict[str, Photograph] = {}
    for path in paths:
        try:
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            left_out.append(_unreadable(path, error))
        else:
            found.setdefault(sha256, Photograph(path, sha256))
    if not found:
        unread = f"\n{describe_left_out(left_out, len(left_out))}" if left_out else ""
        raise TrainingError(
            f"no photographs in {folder}: expected {', '.join(sorted(SUFFIXES))}{unread}"
        )
    return Found([found[sha256] for sha256 in sorted(found)], tuple(left_out))


def list_pictures(folder: Path) -> list[Path]:
    """Return the picture files below `folder`, ordered by path."""
    return _walk(folder)[0]


def read_photograph(path: Path) -> Image:
    """Return the decoded photograph; raises `ImageError` for whatever keeps it from being used."""
    try:
        size = path.stat().st_size
        if size > _MAX_FILE_BYTES:
            raise UnsupportedImageError(f"{size / 2**30:.1f} GiB; the limit is 1 GiB")
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(error.strerror or str(error)) from error
    if not data:
        raise BrokenImageError("the file is empty")
    return decode(data)


def read_pixels(path: Path) -> npt.NDArray[np.uint8]:
    """Return the photograph's pixels, `(H, W, 3)`, 16 bits rounded to 8; errors as above."""
    pixels = read_photograph(path).pixels
    if pixels.dtype == np.uint16:
        pixels = (pixels.astype(np.uint32) + 128) // 257  # 65535 is 255
    return pixels.astype(np.uint8, copy=False)


def explain_failure(path: Path, error: ImageError) -> LeftOut:
    """Say why `read_photograph` refused the file."""
    match error:
        case BrokenImageError():
            reason = Reason.DAMAGED
        case ImageTooLargeError():
            reason = Reason.TOO_LARGE
        case UnknownFormatError():
            return LeftOut(path, Reason.NOT_A_PICTURE)
        case UnsupportedImageError():
            reason = Reason.UNSUPPORTED
        case _:
            reason = Reason.UNREADABLE
    return LeftOut(path, reason, str(error))


def explain_small(path: Path, shape: tuple[int, ...], patch_px: int) -> LeftOut | None:
    """Say that a picture of `shape` `(H, W, 3)` does not hold a patch; nothing if it does."""
    height, width = shape[:2]
    if min(height, width) >= patch_px:
        return None
    return LeftOut(path, Reason.TOO_SMALL, f"{width}x{height} px of {patch_px}")


def describe_left_out(left_out: Sequence[LeftOut], total: int) -> str:
    """Return the list for the end of a run: by reason, of each the first paths.

    `total` counts all the files looked at, those left out among them.
    """
    if not left_out:
        return f"all {total} photographs are used"
    lines = [f"{len(left_out)} of {total} photographs are left out:"]
    lines += list_by_reason((each.reason, each.path, each.detail) for each in left_out)
    return "\n".join(lines)


def list_by_reason(noted: Iterable[tuple[str, Path, str]]) -> list[str]:
    """Return indented lines of reasons, each with its paths and details; 20 of them at most."""
    by_reason: dict[str, list[tuple[Path, str]]] = {}
    for reason, path, detail in noted:
        by_reason.setdefault(reason, []).append((path, detail))
    lines: list[str] = []
    for reason, alike in by_reason.items():
        lines.append(f"  {reason} ({len(alike)}):")
        lines += [f"    {_describe(*each)}" for each in sorted(alike)[:_LISTED_PATHS]]
        if len(alike) > _LISTED_PATHS:
            lines.append(f"    and {len(alike) - _LISTED_PATHS} more")
    return lines


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


def _walk(folder: Path) -> tuple[list[Path], list[LeftOut]]:
    """Return the picture files below `folder`, ordered by path, and what cannot be looked at."""
    paths: list[Path] = []
    left_out: list[LeftOut] = []

    def note(error: OSError) -> None:
        left_out.append(_unreadable(Path(error.filename), error))

    for inner, _, names in os.walk(folder, onerror=note):
        for path in (Path(inner, name) for name in names):
            if path.suffix.lower() not in SUFFIXES:
                continue
            if os.path.isfile(path):  # unlike Path.is_file, false as well where stat is forbidden
                paths.append(path)
            else:
                left_out.append(LeftOut(path, Reason.UNREADABLE, _say_what_it_is(path)))
    return sorted(paths), left_out


def _say_what_it_is(path: Path) -> str:
    return "a link that leads to no file" if path.is_symlink() else "not a file"


def _unreadable(path: Path, error: OSError) -> LeftOut:
    return LeftOut(path, Reason.UNREADABLE, error.strerror or str(error))


def _describe(path: Path, detail: str) -> str:
    shown = str(path) if str(path).isprintable() else ascii(str(path))
    return f"{shown}: {detail}" if detail else shown
