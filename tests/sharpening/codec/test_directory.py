"""Directories of tags: what lies outside the data is an error and is never followed."""

import struct

import pytest

from sharpening.codec.directory import read_directory

WIDTH, HEIGHT = 256, 257


def tiff(*entries: tuple[int, int, int, int], behind: bytes = b"", next_: int = 0) -> bytes:
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return (
        b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed
        + struct.pack("<I", next_) + behind
    )  # fmt: skip


def test_numbers_are_read_in_their_own_type_and_place() -> None:
    two = tiff((WIDTH, 3, 2, 7 | 9 << 16), (HEIGHT, 4, 2, 38), behind=struct.pack("<2I", 70_000, 5))
    directory = read_directory(two)
    directory.check()
    assert directory.read_numbers(WIDTH) == (7, 9)
    assert directory.read_numbers(HEIGHT) == (70_000, 5)
    assert directory.read_numbers(1, (3,)) == (3,)
    assert directory.read_bytes(HEIGHT) == two[38:]
    assert directory.read_bytes(1) is None


def test_big_endian_and_big_tiff_are_read_as_well() -> None:
    big_endian = b"MM\0*\0\0\0\x08\0\1" + struct.pack(">HHIHH", WIDTH, 3, 1, 7, 0) + bytes(4)
    entry = struct.pack("<HHQQ", WIDTH, 4, 1, 7)
    big_tiff = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1) + entry + bytes(8)
    for data in (big_endian, big_tiff):
        directory = read_directory(data)
        assert directory.read_numbers(WIDTH) == (7,)
        assert directory.next == 0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"II*\0",
        b"MM*\0\x08\0\0\0\0\0\0\0\0\0",
        b"II*\0\xff\xff\xff\xff\0\0",
        tiff((WIDTH, 3, 1, 7))[:-1],
        b"II*\0\x08\0\0\0\xff\xff" + bytes(100),
        b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**63) + bytes(100),
        b"II+\0\x08\0\0\0" + struct.pack("<QQ", 2**64 - 1, 1) + bytes(100),
    ],
)
def test_a_directory_outside_the_data_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"header|outside|directory of"):
        read_directory(data)


def test_a_count_that_no_memory_holds_is_an_error() -> None:
    many = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 70_000) + bytes(70_001 * 20)
    with pytest.raises(ValueError, match="70000 tags"):
        read_directory(many)


def test_values_outside_the_data_are_an_error() -> None:
    directory = read_directory(tiff((WIDTH, 4, 2**30, 8)))
    with pytest.raises(ValueError, match="tag 256 reaches beyond the end"):
        directory.check()
    with pytest.raises(ValueError, match="tag 256"):
        directory.read_numbers(WIDTH)


def test_a_tag_that_stands_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="twice"):
        read_directory(tiff((WIDTH, 3, 1, 7), (WIDTH, 3, 1, 8))).check()


@pytest.mark.parametrize("entry", [(WIDTH, 2, 1, 7), (WIDTH, 3, 0, 7), (WIDTH, 99, 1, 7)])
def test_what_holds_no_whole_numbers_is_an_error(entry: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="no whole numbers"):
        read_directory(tiff(entry)).read_numbers(WIDTH)
