"""Directories of tags, as TIFF has them and EXIF borrows them: found, measured, read as numbers.

Follows nothing that lies outside the bytes. TIFF 6.0, section 2, and BigTIFF.
"""

import struct
from dataclasses import dataclass

_TYPE_BYTES = {
    **{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4},
    **{16: 8, 17: 8, 18: 8},
}
_MOST_TAGS = 65_535  # what TIFF can count; BigTIFF could count more than memory holds
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}


@dataclass(frozen=True)
class Entry:
    """One tag: where its entry stands, and the type, the number and the place of its values."""

    tag: int
    position: int
    type: int
    count: int
    start: int

    @property
    def stop(self) -> int:
        """Where the values end; those of a type that TIFF does not know take no room."""
        return self.start + self.count * _TYPE_BYTES.get(self.type, 0)


@dataclass(frozen=True)
class Directory:
    """The tags of a directory in their order, and where the next one lies; 0 if there is none."""

    data: bytes
    order: str
    is_big: bool
    position: int
    entries: tuple[Entry, ...]
    next: int

    def find(self, tag: int) -> Entry | None:
        """Return the entry of a tag, or nothing."""
        return next((entry for entry in self.entries if entry.tag == tag), None)

    def read_bytes(self, tag: int) -> bytes | None:
        """Return what a tag holds as it stands, or nothing."""
        entry = self.find(tag)
        return None if entry is None else self.data[entry.start : entry.stop]

    def read_numbers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Return the whole numbers of a tag; `default` if it is not there.

        Raises `ValueError` where it holds something else or ends outside the data.
        """
        entry = self.find(tag)
        if entry is None:
            return default
        if entry.type not in _NUMBERS or not entry.count > 0 or entry.stop > len(self.data):
            raise ValueError(f"tag {tag} holds no whole numbers")
        code = f"{self.order}{entry.count}{_NUMBERS[entry.type]}"
        return struct.unpack_from(code, self.data, entry.start)

    def check(self) -> None:
        """Raise `ValueError` where a tag stands twice or holds what lies outside the data."""
        if len({entry.tag for entry in self.entries}) < len(self.entries):
            raise ValueError("a tag stands twice in its directory")
        for entry in self.entries:
            if entry.stop > len(self.data):
                raise ValueError(f"tag {entry.tag} reaches beyond the end")


def read_directory(data: bytes, position: int | None = None) -> Directory:
    """Return the directory at `position`, or the one that the header names.

    Raises `ValueError` if there is no TIFF header or the directory does not end within the data.
    """
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0"):
        raise ValueError(f"not a TIFF header: {data[:4]!r}")
    order = "<" if data[:2] == b"II" else ">"
    is_big = data[2:3] == b"+"
    count_code, entry_code, offset_code = ("Q", "HHQ", "Q") if is_big else ("H", "HHI", "I")
    try:
        if position is None:
            (position,) = struct.unpack_from(order + offset_code, data, 8 if is_big else 4)
        (count,) = struct.unpack_from(order + count_code, data, position)
        if count > _MOST_TAGS:
            raise ValueError(f"a directory of {count} tags")
        start = position + struct.calcsize(order + count_code)
        entry_bytes = struct.calcsize(order + entry_code + offset_code)
        (following,) = struct.unpack_from(order + offset_code, data, start + count * entry_bytes)
    except (struct.error, OverflowError) as error:
        raise ValueError("the directory of tags lies outside the data") from error
    places = [start + index * entry_bytes for index in range(count)]
    entries = tuple(_read_entry(data, place, order + entry_code, offset_code) for place in places)
    return Directory(data, order, is_big, position, entries, following)


def _read_entry(data: bytes, position: int, code: str, offset_code: str) -> Entry:
    tag, type_, count = struct.unpack_from(code, data, position)
    start = position + struct.calcsize(code)
    if count * _TYPE_BYTES.get(type_, 0) > struct.calcsize(offset_code):
        (start,) = struct.unpack_from(code[0] + offset_code, data, start)
    return Entry(tag, position, type_, count, start)
