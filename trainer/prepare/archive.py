"""Unpacking an archive that came over the network, and trusting nothing that it says.

Each member is checked before the first is written, and what it unpacks to is counted while it is
unpacked. A file is replaced whole or not at all.
"""

import copy
import logging
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict
from tqdm.auto import tqdm

from sharpening.errors import TrainingError
from sharpening.files import write_atomically

logger = logging.getLogger(__name__)

_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
)
"""What `zipfile` raises on damaged, encrypted or exotic archives."""

_READ_BYTES = 2**20


class Member(BaseModel):
    """A file in an archive: its size unpacked and the CRC-32 of its bytes."""

    model_config = ConfigDict(frozen=True)

    size: int
    crc32: int


@dataclass(frozen=True)
class Bounds:
    """What an archive may come to; a member is held in memory."""

    members: int = 10_000
    member_bytes: int = 2**28
    total_bytes: int = 16 * 2**30


def read_members(archive: Path, *, below: str, bounds: Bounds | None = None) -> dict[str, Member]:
    """Return the files in the archive by path, all of them in the folder `below`.

    Raises `TrainingError` for what is no zip, for an unsafe or repeated path, a link or anything
    else that is no plain file, encryption, and for more than the bounds allow.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
    except _ZIP_ERRORS as error:
        raise TrainingError(
            f"{archive} is not a zip archive, or damaged ({error}): delete it and fetch it again"
        ) from error
    for entry in entries:
        fault = _find_fault(entry, below)
        if fault:
            raise TrainingError(f"{archive} is not unpacked: {entry.filename!a} {fault}")
    files = [entry for entry in entries if not entry.is_dir()]
    _check_apart(archive, files)
    _check_bounds(archive, files, bounds or Bounds())
    return {entry.filename: Member(size=entry.file_size, crc32=entry.CRC) for entry in files}


def find_unfinished(members: Mapping[str, Member], folder: Path) -> list[str]:
    """Return the members that are not in the folder as they should be, byte for byte."""
    shown = tqdm(members.items(), "verifying", unit="file", disable=None)
    return [name for name, member in shown if not _is_whole(folder / name, member)]


def unpack(archive: Path, names: Sequence[str], folder: Path) -> None:
    """Write those members into the folder, each whole or not at all.

    Raises `TrainingError` for a member that is damaged or larger than it says.
    """
    logger.info("unpacking %d files of %s", len(names), archive.name)
    with zipfile.ZipFile(archive) as opened:
        for name in tqdm(names, "unpacking", unit="file", disable=None):
            write_atomically(folder / name, _read(opened, name))


def _read(opened: zipfile.ZipFile, name: str) -> bytes:
    entry = copy.copy(opened.getinfo(name))
    stated = entry.file_size
    entry.file_size = stated + 1  # zipfile stops at what the header states: let a lie show itself
    try:
        with opened.open(entry) as file:
            data = file.read(entry.file_size)  # without a number it would unpack gigabytes at once
    except _ZIP_ERRORS as error:
        raise TrainingError(
            f"{opened.filename}: {name!a} is damaged ({error}): delete the archive and fetch it "
            "again"
        ) from error
    if len(data) != stated:
        raise TrainingError(
            f"{opened.filename}: {name!a} does not have the {stated} bytes that its header "
            "states: do not trust this archive"
        )
    return data


def _find_fault(entry: zipfile.ZipInfo, below: str) -> str | None:
    """Say what makes an entry unsafe to unpack; nothing if all is well."""
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or "\\" in entry.filename or ":" in entry.filename:
        return "is an absolute path or one of another system"
    if ".." in path.parts or str(path) != entry.filename.removesuffix("/"):
        return "leads out of its folder"
    if path.parts[:1] != (below,) or (len(path.parts) == 1 and not entry.is_dir()):
        return f"is not in the folder {below!r}"
    if stat.S_IFMT(entry.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "is a link or another thing that is no plain file"
    return "is encrypted" if entry.flag_bits & 1 else None


def _check_apart(archive: Path, files: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse paths of which one would overwrite another, on any file system."""
    folded = [PurePosixPath(entry.filename.casefold()) for entry in files]
    folders = {parent for path in folded for parent in path.parents}
    clashing = [path for path, count in Counter(folded).items() if count > 1 or path in folders]
    if clashing:
        raise TrainingError(
            f"{archive} is not unpacked: {str(clashing[0])!a} is in it twice, as files or as file "
            "and folder"
        )


def _check_bounds(archive: Path, files: Sequence[zipfile.ZipInfo], bounds: Bounds) -> None:
    largest = max((entry.file_size for entry in files), default=0)
    total = sum(entry.file_size for entry in files)
    for count, limit, what in (
        (len(files), bounds.members, "files"),
        (largest, bounds.member_bytes, "bytes in one file"),
        (total, bounds.total_bytes, "bytes unpacked"),
    ):
        if count > limit:
            raise TrainingError(
                f"{archive} is not unpacked: it has {count:,} {what}; expected {limit:,} at most"
            )


def _is_whole(path: Path, member: Member) -> bool:
    try:
        if path.stat().st_size != member.size:
            return False
        crc32 = 0
        with path.open("rb") as file:
            while chunk := file.read(_READ_BYTES):
                crc32 = zlib.crc32(chunk, crc32)
    except FileNotFoundError:
        return False
    return crc32 == member.crc32
