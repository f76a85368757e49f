"""An archive is unpacked only if nothing in it can do harm."""

import stat
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from sharpening.errors import TrainingError
from trainer.prepare.archive import Bounds, find_unfinished, read_members, unpack

FILES = {"set/0001.png": b"one" * 500, "set/inner/0002.png": b"two" * 900, "set/empty": b""}


def make(path: Path, files: dict[str, bytes], *, folders: tuple[str, ...] = ("set/",)) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in folders:
            archive.writestr(name, b"")
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return path


def state(path: Path, size: int, crc32: int) -> None:
    """Have the headers of an archive's only member state another size and checksum."""
    data = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        header = data.index(signature)
        struct.pack_into("<L", data, header + at, crc32)
        struct.pack_into("<L", data, header + at + 8, size)
    path.write_bytes(data)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make(tmp_path / "set.zip", FILES)


def test_the_files_come_out_as_they_went_in(archive: Path, tmp_path: Path) -> None:
    members = read_members(archive, below="set")
    assert find_unfinished(members, tmp_path) == list(FILES)
    unpack(archive, list(members), tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == FILES
    assert find_unfinished(members, tmp_path) == []


def test_what_was_changed_or_cut_is_unfinished(archive: Path, tmp_path: Path) -> None:
    members = read_members(archive, below="set")
    unpack(archive, list(members), tmp_path)
    (tmp_path / "set/0001.png").write_bytes(b"One" * 500)
    (tmp_path / "set/inner/0002.png").write_bytes(b"two")
    assert find_unfinished(members, tmp_path) == ["set/0001.png", "set/inner/0002.png"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("../outside.png", "leads out"),
        ("set/../../outside.png", "leads out"),
        ("set/./0001.png", "leads out"),
        ("/outside.png", "absolute"),
        ("C:/outside.png", "absolute"),
        ("set\\..\\..\\outside.png", "absolute"),
        ("other/0001.png", "is not in the folder"),
        ("0001.png", "is not in the folder"),
        ("set", "is not in the folder"),
        (".", "is not in the folder"),
    ],
)
def test_an_unsafe_path_is_refused_and_nothing_is_written(
    tmp_path: Path, name: str, told: str
) -> None:
    archive = make(tmp_path / "set.zip", {"set/0001.png": b"", name: b"harm"})
    with pytest.raises(TrainingError, match=told):
        read_members(archive, below="set")
    assert list(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO])
def test_a_link_is_refused(tmp_path: Path, kind: int) -> None:
    link = zipfile.ZipInfo("set/link.png")
    link.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(TrainingError, match="is a link"):
        read_members(tmp_path / "set.zip", below="set")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["set/a.png", "set/A.png", "set/a.png/b.png"])
def test_a_file_that_would_overwrite_another_is_refused(tmp_path: Path, second: str) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("set/a.png", b"first")
        archive.writestr(second, b"second")
    with pytest.raises(TrainingError, match="twice"):
        read_members(tmp_path / "set.zip", below="set")


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        (Bounds(members=2), "3 files"),
        (Bounds(member_bytes=2_699), "2,700 bytes in one"),
        (Bounds(total_bytes=4_199), "4,200 bytes unpacked"),
    ],
)
def test_more_than_the_bounds_is_refused(archive: Path, bounds: Bounds, told: str) -> None:
    with pytest.raises(TrainingError, match=told):
        read_members(archive, below="set", bounds=bounds)


@pytest.mark.parametrize("stated", [10, 10**6])
@pytest.mark.parametrize("consistent", [True, False])
def test_a_header_that_lies_about_the_size_is_found_out_in_little_memory(
    tmp_path: Path, stated: int, consistent: bool
) -> None:
    size = 200 * 10**6 if stated == 10 else 1000
    archive = make(tmp_path / "set.zip", {"set/bomb.png": bytes(size)}, folders=())
    state(archive, stated, zlib.crc32(bytes(min(stated, size))) if consistent else 0)
    members = read_members(archive, below="set")
    tracemalloc.start()
    with pytest.raises(TrainingError, match=r"bomb\.png' (is damaged|does not have the)"):
        unpack(archive, list(members), tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()
    assert not (tmp_path / "set/bomb.png").exists()


def test_damaged_bytes_are_refused_and_what_came_before_stays(archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    data[data.index(b"0002.png") + 12] ^= 0xFF
    archive.write_bytes(data)
    members = read_members(archive, below="set")
    with pytest.raises(TrainingError, match=r"0002\.png' is damaged"):
        unpack(archive, list(members), archive.parent)
    assert (archive.parent / "set/0001.png").read_bytes() == FILES["set/0001.png"]
    assert [path.name for path in (archive.parent / "set/inner").glob("*")] == []


def test_an_encrypted_member_is_refused(archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    with pytest.raises(TrainingError, match="encrypted"):
        read_members(archive, below="set")


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_what_is_no_zip_is_told(archive: Path, keep: int) -> None:
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(TrainingError, match="not a zip archive"):
        read_members(archive, below="set")
