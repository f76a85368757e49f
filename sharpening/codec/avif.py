"""What Pillow does not tell of an AVIF, read from its boxes: sizes, depth, greyscale, frames.

A file of a few bytes can declare a small picture and hold one that takes a gigabyte to decode, so
both are looked at. ISO/IEC 14496-12, section 8.11, AV1 Image File Format 1.1 and the AV1 codec's
ISO media format 1.2, section 2.3.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sharpening.codec.av1 import find_sizes

# Found wherever they stand: what looks like them elsewhere can only make a file be refused.
_SIZE = re.compile(rb"\0\0\0\x14ispe\0\0\0\0(.{4})(.{4})", re.DOTALL)
_CODING = re.compile(rb"\0\0\0[\x0c-\xff]av1C\x81.(.)", re.DOTALL)
_DEEP, _MONOCHROME = 0x40, 0x10
_MOST = 1000
"""Boxes, items, or pieces of an item: a telephone's picture has hundreds of tiles, each an item."""


def list_sizes(data: bytes) -> list[tuple[int, int]]:
    """Return width and height of every picture that is declared, and of every one that is there.

    Raises `IndexError` or `ValueError` for boxes that end too early.
    """
    declared = [(int.from_bytes(w), int.from_bytes(h)) for w, h in _SIZE.findall(data)]
    held = [size for item in _read_items(data) for size in find_sizes(item)]
    return declared + held


def is_deep(data: bytes) -> bool:
    """Tell whether any part of the picture has more than 8 bits per channel."""
    return any(flags[0] & _DEEP for flags in _CODING.findall(data))


def is_greyscale(data: bytes) -> bool:
    """Tell whether every part of the picture is monochrome, as alpha always is."""
    codings = _CODING.findall(data)
    return bool(codings) and all(flags[0] & _MONOCHROME for flags in codings)


def is_film(data: bytes) -> bool:
    """Tell whether there is a film in the file, whatever the number of its frames."""
    return any(name == b"moov" for name, _ in _split(data))


@dataclass
class _Reader:
    """Reads big-endian numbers one after the other."""

    data: bytes
    position: int = 0

    def read(self, size: int) -> int:
        self.position += size
        if self.position > len(self.data):
            raise ValueError("a box ends too early")
        return int.from_bytes(self.data[self.position - size : self.position])


def _split(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the content of each box."""
    position = count = 0
    while position + 8 <= len(data):
        count = _check_number(count + 1)
        size, name = (
            int.from_bytes(data[position : position + 4]),
            data[position + 4 : position + 8],
        )
        start = position + 8
        if size == 1:
            size, start = int.from_bytes(data[start : start + 8]), start + 8
        stop = position + size if size else len(data)
        if stop < start:
            raise ValueError(f"the box {name!r} is smaller than its own header")
        yield name, data[start:stop]
        position = stop


def _read_items(data: bytes) -> Iterator[bytes]:
    """Yield the AV1 data of every picture in the file, its pieces joined.

    Raises `ValueError` where they add up to far more than the file.
    """
    bytes_left = 2 * len(data)
    for name, content in _split(data):
        if name == b"meta":
            boxes = dict(_split(content[4:]))
            coded = set(_list_coded(boxes.get(b"iinf", b"")))
            sources = {0: data, 1: boxes.get(b"idat", b"")}
            for item, method, pieces in _list_places(boxes.get(b"iloc", bytes(8))):
                if item not in coded:
                    continue
                source = memoryview(sources.get(method, b""))
                parts = [source[start:stop] for start, stop in pieces]
                bytes_left -= sum(map(len, parts))
                if bytes_left < 0:
                    raise ValueError("items that hold more than the file")
                yield b"".join(parts)


def _list_coded(content: bytes) -> Iterator[int]:
    """Yield the numbers of the items that are AV1 data."""
    for name, entry in _split(content[6 if content[:1] == b"\0" else 8 :]):
        id_bytes = 4 if entry[:1] == b"\3" else 2
        if name == b"infe" and entry[4 + id_bytes + 2 :][:4] == b"av01":
            yield int.from_bytes(entry[4 : 4 + id_bytes])


def _list_places(content: bytes) -> Iterator[tuple[int, int, list[tuple[int, int | None]]]]:
    """Yield each item's number, where its data lie (0 file, 1 `idat`), and the pieces of them."""
    reader = _Reader(content)
    version = reader.read(4) >> 24
    sizes = reader.read(2)
    offset_bytes, length_bytes, base_bytes, index_bytes = (sizes >> at & 15 for at in (12, 8, 4, 0))
    items = reader.read(2 if version < 2 else 4)
    for _ in range(_check_number(items)):
        item = reader.read(2 if version < 2 else 4)
        method = reader.read(2) & 15 if version else 0
        reader.read(2)
        base = reader.read(base_bytes)
        pieces: list[tuple[int, int | None]] = []
        for _ in range(_check_number(reader.read(2))):
            reader.read(index_bytes if version else 0)
            start, length = base + reader.read(offset_bytes), reader.read(length_bytes)
            pieces.append((start, start + length if length else None))
        yield item, method, pieces


def _check_number(count: int) -> int:
    if count > _MOST:
        raise ValueError(f"{count} boxes, items or pieces where {_MOST} are many")
    return count
