"""Telling what of a folder training would use, convert or leave out; changes nothing there."""

import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image as PillowImage
from tqdm.auto import tqdm

from sharpening.codec import Image
from sharpening.errors import ImageError
from trainer.photographs import (
    LeftOut,
    Photograph,
    Reason,
    describe_left_out,
    explain_failure,
    explain_small,
    find_photographs,
    list_by_reason,
    list_pictures,
    read_photograph,
)
from trainer.prepare.div2k import PARTS, find_missing

logger = logging.getLogger(__name__)

_BROKEN = frozenset({Reason.UNREADABLE, Reason.DAMAGED, Reason.NOT_A_PICTURE})
_LISTED_NAMES = 20


@dataclass(frozen=True)
class Converted:
    """A photograph that is used, but not as it is: what is done to it."""

    path: Path
    how: str


@dataclass(frozen=True)
class Check:
    """What is in a folder; `missing` holds the absent pictures by the part of DIV2K they are of."""

    folder: Path
    total: int
    copies: int
    left_out: tuple[LeftOut, ...]
    converted: tuple[Converted, ...]
    missing: Mapping[str, Sequence[str]]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is missing or broken; a picture of an unused kind is not broken."""
        return not self.missing and not any(each.reason in _BROKEN for each in self.left_out)

    def describe(self) -> str:
        """Return it all in lines for people."""
        lines = [f"{self.folder}: {describe_left_out(self.left_out, self.total)}"]
        if self.copies:
            lines.append(f"copies of others, which count once: {self.copies}")
        if self.converted:
            lines.append("used, but converted:")
            lines += list_by_reason((each.how, each.path, "") for each in self.converted)
        for part in PARTS:
            names = self.missing.get(part.name, [])
            if names:
                more = f" and {len(names) - _LISTED_NAMES} more" * (len(names) > _LISTED_NAMES)
                lines.append(
                    f"missing of {part.name}: {len(names)} of {len(part.pictures)}: "
                    f"{', '.join(names[:_LISTED_NAMES])}{more}"
                )
        return "\n".join(lines)


def check_folder(folder: Path, *, patch_px: int) -> Check:
    """Decode every photograph below `folder` and say what training on such patches does with it.

    Raises `TrainingError` if there is no such folder or no photograph in it.
    """
    found = find_photographs(folder)
    files = len(list_pictures(folder))
    logger.info("checking: %d photographs", len(found.photographs))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looked = pool.map(partial(_look, patch_px=patch_px), found.photographs)
        results = list(tqdm(looked, "checking", len(found.photographs), unit="photo", disable=None))
    unread = sum(each.path.is_file() for each in found.left_out)
    return Check(
        folder=folder,
        total=len(found.photographs) + len(found.left_out),
        copies=files - unread - len(found.photographs),
        left_out=(*found.left_out, *(each for each in results if isinstance(each, LeftOut))),
        converted=tuple(
            each for result in results if not isinstance(result, LeftOut) for each in result
        ),
        missing=find_missing(folder),
    )


def _look(photograph: Photograph, patch_px: int) -> LeftOut | list[Converted]:
    path = photograph.path
    try:
        image = read_photograph(path)
    except ImageError as error:
        return explain_failure(path, error)
    if small := explain_small(path, image.pixels.shape, patch_px):
        return small
    return [Converted(path, how) for how in _find_conversions(path, image)]


def _find_conversions(path: Path, image: Image) -> list[str]:
    conversions = {
        "greyscale, to three equal channels": image.greyscale,
        "transparent, to opaque": image.alpha is not None,
        "16 bits, to 8": image.bit_depth == 16,
        "CMYK, to sRGB": _is_ink(path, image),
    }
    return [how for how, applies in conversions.items() if applies]


def _is_ink(path: Path, image: Image) -> bool:
    """Look whether the codec converted ink, which it does not tell; it does so of 8 bits only."""
    if image.bit_depth != 8:
        return False
    with PillowImage.open(path) as header:
        return header.mode == "CMYK"
