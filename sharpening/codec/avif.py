"""What Pillow does not tell of an AVIF, read from its boxes: sizes, depth, greyscale, frames.

A file of a few bytes can declare a small picture and hold one that takes a gigabyte to decode, so
both are looked at. ISO/IEC 14496-12, section 8.11, AV1 Image File Format 1.1 and the AV1 codec's
ISO media format 1.2, section 2.3.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sharpening.codec.av1 import find_sizes
from sharpening.codec.budget import Budget

_DEEP, _MONOCHROME = 0x40, 0x10
_MOST = 8000
"""Boxes, items, their pieces and AV1 units, all together.

A telephone's picture has hundreds of tiles, each of them an item of one piece and three units.
"""


@dataclass(frozen=True)
class Layout:
    """What an AVIF says of itself."""

    sizes: list[tuple[int, int]]
    """Of every picture that is declared, then of every one that is there."""
    is_film: bool
    """Whether there is a film in the file, whatever the number of its frames."""
    is_deep: bool
    """Whether any part of the picture has more than 8 bits per channel."""
    is_greyscale: bool
    """Whether every part of the picture is monochrome, as alpha always is."""


def read_layout(data: bytes) -> Layout:
    """Read the boxes, at most `_MOST` of whatever they are made of.

    Raises `BrokenImageError` for more, `IndexError` or `ValueError` for boxes that end too early.
    """
    budget = Budget(_MOST)
    top: dict[bytes, bytes] = {}
    for name, content in _split(data, budget):
        if name in {b"meta", b"moov"}:
            top.setdefault(name, content)  # libavif reads the first, whatever stands behind it
    boxes = list(_split(top.get(b"meta", b"")[4:], budget))
    properties = list(_split(_find(boxes, b"iprp"), budget))
    described = list(_split(_find(properties, b"ipco"), budget))
    declared = [
        (int.from_bytes(content[4:8]), int.from_bytes(content[8:12]))
        for name, content in described
        if name == b"ispe"
    ]
    held = [size for item in _read_items(data, boxes, budget) for size in find_sizes(item, budget)]
    codings = [content[2] for name, content in described if name == b"av1C"]
    return Layout(
        sizes=declared + held,
        is_film=b"moov" in top,
        is_deep=any(flags & _DEEP for flags in codings),
        is_greyscale=bool(codings) and all(flags & _MONOCHROME for flags in codings),
    )


@dataclass
class _Reader:
    """Reads big-endian numbers one after the other."""

    data: bytes
    position: int = 0

    def read(self, size: int) -> int:
        self.skip(size)
        return int.from_bytes(self.data[self.position - size : self.position])

    def skip(self, size: int) -> None:
        self.position += size
        if self.position > len(self.data):
            raise ValueError("a box ends too early")


_Box = tuple[bytes, bytes]
"""Its name and its content."""


def _split(data: bytes, budget: Budget) -> Iterator[_Box]:
    position = 0
    while position + 8 <= len(data):
        budget.spend()
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


def _find(boxes: list[_Box], wanted: bytes) -> bytes:
    """Return the content of the one box of that name; nothing if there is none."""
    found = [content for name, content in boxes if name == wanted]
    if len(found) > 1:
        raise ValueError(f"{len(found)} boxes {wanted!r} where there can be one")
    return found[0] if found else b""


def _read_items(data: bytes, boxes: list[_Box], budget: Budget) -> Iterator[bytes]:
    """Yield the AV1 data of every picture in the file, its pieces joined.

    Raises `ValueError` where they add up to far more than the file.
    """
    bytes_left = 2 * len(data)
    coded = set(_list_coded(_find(boxes, b"iinf"), budget))
    sources = {0: memoryview(data), 1: memoryview(_find(boxes, b"idat"))}
    for method, pieces in _list_places(_find(boxes, b"iloc") or bytes(8), coded, budget):
        source = sources.get(method, memoryview(b""))
        parts = [source[start:stop] for start, stop in pieces]
        bytes_left -= sum(map(len, parts))
        if bytes_left < 0:
            raise ValueError("items that hold more than the file")
        yield b"".join(parts)


def _list_coded(content: bytes, budget: Budget) -> Iterator[int]:
    """Yield the numbers of the items that are AV1 data."""
    for name, entry in _split(content[6 if content[:1] == b"\0" else 8 :], budget):
        id_bytes = 4 if entry[:1] == b"\3" else 2
        if name == b"infe" and entry[4 + id_bytes + 2 :][:4] == b"av01":
            yield int.from_bytes(entry[4 : 4 + id_bytes])


def _list_places(
    content: bytes, coded: set[int], budget: Budget
) -> Iterator[tuple[int, list[tuple[int, int | None]]]]:
    """Yield where each coded item's data lie (0 file, 1 `idat`), and the pieces of them."""
    reader = _Reader(content)
    version = reader.read(4) >> 24
    sizes = reader.read(2)
    offset_bytes, length_bytes, base_bytes, index_bytes = (sizes >> at & 15 for at in (12, 8, 4, 0))
    index_bytes = index_bytes if version else 0
    for _ in range(reader.read(2 if version < 2 else 4)):
        budget.spend()
        item = reader.read(2 if version < 2 else 4)
        method = reader.read(2) & 15 if version else 0
        reader.skip(2)
        base, count = reader.read(base_bytes), reader.read(2)
        if item not in coded:
            reader.skip(count * (index_bytes + offset_bytes + length_bytes))
            continue
        budget.spend(count)
        pieces: list[tuple[int, int | None]] = []
        for _ in range(count):
            reader.skip(index_bytes)
            start, length = base + reader.read(offset_bytes), reader.read(length_bytes)
            pieces.append((start, start + length if length else None))
        yield method, pieces
