"""DIV2K, the photographs of the paper: what it consists of, and fetching it.

E. Agustsson, R. Timofte: NTIRE 2017 Challenge on Single Image Super-Resolution: Dataset and Study
(https://data.vision.ee.ethz.ch/cvl/DIV2K/); its photographs are for academic research. Its makers
publish no digests: those here are what TensorFlow Datasets lists for the files at that address.
"""

import errno
import hashlib
import logging
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from sharpening.errors import TrainingError
from sharpening.files import write_atomically
from trainer.prepare.archive import Member, find_unfinished, read_members, unpack
from trainer.prepare.download import Limits, download, forget

logger = logging.getLogger(__name__)

URL = "https://data.vision.ee.ethz.ch/cvl/DIV2K/"


@dataclass(frozen=True)
class Part:
    """One of the archives, which is also one folder of numbered pictures."""

    name: str
    sha256: str
    numbers: range

    @property
    def archive(self) -> str:
        """The name of the archive."""
        return f"{self.name}.zip"

    @property
    def pictures(self) -> list[str]:
        """The names of its pictures."""
        return [f"{number:04}.png" for number in self.numbers]


PARTS = (
    Part(
        "DIV2K_train_HR",
        "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335",
        range(1, 801),
    ),
    Part(
        "DIV2K_valid_HR",
        "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc",
        range(801, 901),
    ),
)


@dataclass(frozen=True)
class Source:
    """Where the archives are, and the SHA-256 of those that are not as they were."""

    url: str = URL
    sha256: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


class _Record(BaseModel):
    """What was unpacked, written beside it: the archive's digest and its members."""

    model_config = ConfigDict(frozen=True)

    url: str
    sha256: str
    members: dict[str, Member]


def fetch_div2k(folder: Path, source: Source | None = None) -> None:
    """Fetch DIV2K's high-resolution training and validation pictures into two folders there.

    An archive that already lies in `folder` is used and left there; one that is fetched is removed
    once unpacked. Stopped at any point, the same call goes on; called again, it reads every file
    and mends what is missing or changed. Raises `TrainingError` if something cannot be fetched, is
    not what is expected, or there is no room.
    """
    source = source or Source()
    unknown = sorted(set(source.sha256) - {part.archive for part in PARTS})
    if unknown:
        raise TrainingError(
            f"no archive is called {unknown[0]!r}; expected {' or '.join(p.archive for p in PARTS)}"
        )
    if folder.exists() and not folder.is_dir():
        raise TrainingError(f"{folder} is not a folder: give one for the photographs")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for part in PARTS:
            _fetch_part(part, folder, source)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise TrainingError(
            f"no space is left in {folder}: free some; the same command goes on from there"
        ) from error


def find_missing(folder: Path) -> dict[str, list[str]]:
    """Return the pictures that are not there by their part; of a folder that holds any part.

    `folder` is what `fetch_div2k` filled or the folder of one part; another lacks nothing.
    """
    name = folder.resolve().name
    places = {part: folder for part in PARTS if part.name == name} or {
        part: folder / part.name for part in PARTS
    }
    if not any(place.is_dir() for place in places.values()):
        return {}
    missing = {
        part.name: [name for name in part.pictures if not (place / name).is_file()]
        for part, place in places.items()
    }
    return {name: pictures for name, pictures in missing.items() if pictures}


def _fetch_part(part: Part, folder: Path, source: Source) -> None:
    expected = source.sha256.get(part.archive, part.sha256).lower()
    record_path = folder / f"{part.name}.json"
    record = _read_record(record_path, expected)
    if record and not find_unfinished(record.members, folder):
        logger.info("%s is complete: %d files", folder / part.name, len(record.members))
        forget(_fetched(part, folder))
        return
    url = f"{source.url.rstrip('/')}/{part.archive}"
    archive = _obtain(part, folder, url, source.limits)
    _check_digest(archive, expected, ours=archive == _fetched(part, folder))
    members = read_members(archive, below=part.name)
    record = _Record(url=url, sha256=expected, members=members)
    write_atomically(record_path, record.model_dump_json(indent=1).encode())
    unfinished = find_unfinished(members, folder)
    _check_room(folder, sum(members[name].size for name in unfinished))
    unpack(archive, unfinished, folder)
    forget(_fetched(part, folder))


def _fetched(part: Part, folder: Path) -> Path:
    """Return where a download is kept, so that it is never taken for an archive of the user's."""
    return folder / f"{part.archive}.part"


def _obtain(part: Part, folder: Path, url: str, limits: Limits) -> Path:
    present = folder / part.archive
    if present.exists():
        logger.info("using %s", present)
        return present
    download(url, _fetched(part, folder), limits)
    return _fetched(part, folder)


def _check_digest(archive: Path, expected: str, *, ours: bool) -> None:
    logger.info("verifying %s", archive)
    with archive.open("rb") as file:
        seen = hashlib.file_digest(file, "sha256").hexdigest()
    if seen == expected:
        return
    kind = "has" if zipfile.is_zipfile(archive) else "is not a zip archive: it has"
    if ours:
        forget(archive)  # or the next try would go on from a spoilt beginning
    raise TrainingError(
        f"{archive} {kind} the SHA-256 {seen}; expected {expected}: "
        + ("it was removed, fetch it again" if ours else "delete it to have it fetched")
        + ", or name its digest if you trust it (--sha256)"
    )


def _read_record(path: Path, expected: str) -> _Record | None:
    """Return what was noted of an earlier call; refuse what came from another archive."""
    try:
        record = _Record.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise TrainingError(
            f"{path} is damaged: delete it, and the archive is fetched and verified anew"
        ) from error
    if record.sha256 != expected:
        raise TrainingError(
            f"{path.with_suffix('')} comes from an archive of SHA-256 {record.sha256}; expected "
            f"{expected}: choose another folder, or name that digest (--sha256)"
        )
    return record


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise TrainingError(
            f"{folder} has {free / 1e9:.2f} GB free; unpacking takes {needed / 1e9:.2f} GB: free "
            "some; the same command goes on from there"
        )
