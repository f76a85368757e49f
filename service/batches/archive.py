"""A zip in a spool: what lies in it, and its members one at a time.

Never unpacks to disk, never believes what the zip says of its own sizes, and never reads more of a
member than the limit. Two methods are read, stored and deflated: the others of the format ask for
dictionaries as large as the archive likes.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from service.batches.files import File, Role
from service.batches.spool import Spool
from service.errors import BrokenArchiveError, FileTooLargeError
from sharpening.errors import UnsupportedImageError

_ROLES: dict[str, Role] = {"reference": "reference", "image": "image"}
_METHODS = (ZIP_STORED, ZIP_DEFLATED)
_ENCRYPTED = 0x1  # bits of a member's flags: APPNOTE.TXT, section 4.4.4
_CHUNK_BYTES = 1 << 20

_ZIP_ERRORS = (
    BadZipFile,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What zipfile raises on damaged archives; `ValueError` also for names and sizes that cannot be."""


def list_archive(spool: Spool, *, max_bytes: int, max_file_bytes: int) -> Iterator[File]:
    """Yield the files of the zip in `spool`; their names are those below `reference/` or `image/`.

    Folders, and what systems add for themselves (names with a leading dot, `__MACOSX`), are left
    out. Raises `BrokenArchiveError`, and `FileTooLargeError` where more than `max_bytes` would come
    out. A file that is encrypted, damaged or larger than `max_file_bytes` says so once it is read.
    """
    try:
        archive = ZipFile(spool)
    except _ZIP_ERRORS as error:
        raise BrokenArchiveError(f"the zip cannot be read ({error}): pack it again") from error
    members = [member for member in archive.infolist() if not _is_incidental(member)]
    total_bytes = sum(member.file_size for member in members)
    if total_bytes > max_bytes:
        raise FileTooLargeError(
            "the files in the zip have together", size_bytes=total_bytes, limit_bytes=max_bytes
        )
    for member in members:
        folder, *inner = _split(member)
        role = _ROLES.get(folder) if inner else None
        name = "/".join(inner if role else [folder, *inner])
        yield File(role, name, partial(_read, archive, member, max_file_bytes))


def _split(member: ZipInfo) -> tuple[str, ...]:
    """Return the parts of the name; some packers write them Windows' way, or from the root."""
    return PurePosixPath(member.filename.replace("\\", "/").lstrip("/")).parts or ("",)


def _is_incidental(member: ZipInfo) -> bool:
    parts = _split(member)
    hidden = any(part.startswith(".") and part != ".." for part in parts)
    return member.filename.endswith(("/", "\\")) or hidden or "__MACOSX" in parts


def _read(archive: ZipFile, member: ZipInfo, max_bytes: int) -> bytes:
    if member.flag_bits & _ENCRYPTED:
        raise UnsupportedImageError("the file is encrypted in the zip: pack it without a password")
    if member.compress_type not in _METHODS:
        raise UnsupportedImageError(
            f"the file is packed by the method {member.compress_type}: use deflate, or store it"
        )
    if member.file_size > max_bytes:
        raise FileTooLargeError("the file has", size_bytes=member.file_size, limit_bytes=max_bytes)
    data = io.BytesIO()  # which hands out what it has without a copy
    try:
        with archive.open(member) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                data.write(chunk)
    except _ZIP_ERRORS as error:
        raise BrokenArchiveError(
            f"the file is damaged in the zip ({error}): pack it again"
        ) from error
    return data.getvalue()
