"""What lies in a zip is listed by its names; whatever is odd about a file is that file's error."""

import io
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from service.batches.archive import list_archive
from service.batches.files import File
from service.batches.spool import MOST_BYTES_AT_ONCE, Spool
from service.errors import BrokenArchiveError, FileTooLargeError
from sharpening.errors import SharpeningError, UnsupportedImageError

ListArchive = Callable[..., list[File]]
CENTRAL = b"PK\1\2"
LIMIT = 1 << 20


@pytest.fixture
def open_archive() -> Iterator[ListArchive]:
    """List the archive of these bytes."""
    with Spool() as spool:

        def list_(data: bytes, *, max_bytes: int = 1 << 30) -> list[File]:
            spool.append(data)
            spool.finish()
            return list(list_archive(spool, max_bytes=max_bytes, max_file_bytes=LIMIT))

        yield list_


def pack(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, data in files:
            archive.writestr(name, data)
    return bytearray(buffer.getvalue())


def test_files_are_named_below_their_folder(open_archive: ListArchive) -> None:
    files = open_archive(
        pack(
            ("reference/a.png", b"1"),
            ("image/a.png", b"2"),
            ("./image/deep/b.png", b"3"),
            ("image\\c.png", b"4"),
            ("reference/../../../etc/passwd", b"5"),
            ("notes.txt", b"6"),
            ("reference", b"7"),
            ("/reference/d.png", b"8"),
        )
    )
    assert [(file.role, file.name, file.read()) for file in files] == [
        ("reference", "a.png", b"1"),
        ("image", "a.png", b"2"),
        ("image", "deep/b.png", b"3"),
        ("image", "c.png", b"4"),
        ("reference", "../../../etc/passwd", b"5"),
        (None, "notes.txt", b"6"),
        (None, "reference", b"7"),
        ("reference", "d.png", b"8"),
    ]


def test_folders_and_what_systems_add_are_left_out(open_archive: ListArchive) -> None:
    names = ["image/", "reference/.DS_Store", "__MACOSX/reference/._a.png", ".hidden/image/a.png"]
    assert open_archive(pack(*((name, b"") for name in names))) == []


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_large_files_come_out_as_they_went_in(open_archive: ListArchive, method: int) -> None:
    data = bytes(range(256)) * (LIMIT // 256)
    (file,) = open_archive(pack(("image/a.png", data), method=method))
    assert file.read() == data


def test_an_encrypted_file_is_refused_by_name(open_archive: ListArchive) -> None:
    data = pack(("image/a.png", b"1"), ("image/b.png", b"2"))
    data[data.index(CENTRAL) + 8] |= 1
    first, second = open_archive(data)
    with pytest.raises(UnsupportedImageError, match="encrypted"):
        first.read()
    assert second.read() == b"2"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_are_refused(open_archive: ListArchive, method: int) -> None:
    (file,) = open_archive(pack(("image/a.png", b"1"), method=method))
    with pytest.raises(UnsupportedImageError, match=f"method {method}"):
        file.read()


def test_a_bomb_is_refused_by_what_it_says_of_itself(open_archive: ListArchive) -> None:
    (file,) = open_archive(pack(("image/a.png", bytes(LIMIT + 1))))
    with pytest.raises(FileTooLargeError):
        file.read()


def test_a_bomb_that_lies_is_cut_off(open_archive: ListArchive) -> None:
    data = pack(("image/a.png", bytes(64 << 20)))
    struct.pack_into("<I", data, data.index(CENTRAL) + 24, 1000)
    (file,) = open_archive(data)
    tracemalloc.start()
    with pytest.raises(BrokenArchiveError, match="CRC"):
        file.read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


def test_many_bombs_are_refused_together(open_archive: ListArchive) -> None:
    data = pack(*((f"image/{number}", bytes(LIMIT)) for number in range(4)))
    with pytest.raises(FileTooLargeError, match="together"):
        open_archive(data, max_bytes=3 * LIMIT)


def test_a_damaged_file_is_its_own_error(open_archive: ListArchive) -> None:
    data = pack(("image/a.png", b"abcdef"), ("image/b.png", b"2"), method=zipfile.ZIP_STORED)
    data[data.index(b"abcdef")] ^= 1
    first, second = open_archive(data)
    with pytest.raises(BrokenArchiveError, match="CRC"):
        first.read()
    assert second.read() == b"2"


def test_a_list_of_files_that_is_too_long_is_refused(open_archive: ListArchive) -> None:
    data = pack(("image/a.png", bytes(MOST_BYTES_AT_ONCE + 1)), method=zipfile.ZIP_STORED)
    end = data.rindex(b"PK\5\6")
    struct.pack_into("<II", data, end + 12, end, 0)  # the list is the whole archive
    with pytest.raises(BrokenArchiveError, match="at once"):
        open_archive(data)


def test_no_damage_is_anything_but_an_error_of_ours() -> None:
    """Any byte of an archive may be wrong, or its end missing: all it can be is refused."""
    sound = pack(("reference/a.png", b"abc"), ("image/a.png", bytes(50)))
    damaged = [sound[:end] for end in range(len(sound))]
    for place in range(len(sound)):
        for value in (0, 255, sound[place] ^ 1):
            damaged.append(bytearray(sound))
            damaged[-1][place] = value
    for data in damaged:
        _read_all(bytes(data))


def _read_all(data: bytes) -> None:
    with Spool() as spool:
        spool.append(data)
        spool.finish()
        try:
            files = list(list_archive(spool, max_bytes=LIMIT, max_file_bytes=LIMIT))
        except SharpeningError:
            return
        for file in files:
            with suppress(SharpeningError):
                file.read()
