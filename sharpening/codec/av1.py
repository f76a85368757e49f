"""How large the frames of AV1 data can be, read from its sequence headers; decodes nothing.

AV1 Bitstream & Decoding Process Specification, sections 5.3 and 5.5.
"""

from collections.abc import Iterator

from sharpening.codec.budget import Budget

_SEQUENCE_HEADER = 1


class _Bits:
    """Reads numbers from bytes bit by bit; bits behind the end are zeros."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data)
        self._left = len(data) * 8

    def read(self, count: int) -> int:
        self._left -= count
        shifted = self._number >> self._left if self._left >= 0 else self._number << -self._left
        return shifted & ((1 << count) - 1)

    def skip_variable(self) -> None:
        """Skip a number that has as many bits as zeros stand before it: section 4.10.3."""
        zeros = 0
        while self._left > 0 and not self.read(1):
            zeros += 1
        self.read(min(zeros, 32))


def find_sizes(data: bytes, budget: Budget) -> list[tuple[int, int]]:
    """Return width and height of every sequence header.

    No frame is larger than twice that to a side, which is what a frame could name in the bits that
    the header gives to it. Raises `IndexError` for data that end within a unit's own header and
    `BrokenImageError` for more units than the budget allows.
    """
    units = _split_units(data, budget)
    return [_read_size(unit) for type_, unit in units if type_ == _SEQUENCE_HEADER]


def _split_units(data: bytes, budget: Budget) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the payload of each open bitstream unit."""
    position = 0
    while position < len(data):
        budget.spend()
        header = data[position]
        position += 2 if header & 0b100 else 1
        size = len(data) - position
        if header & 0b10:
            size, position = _read_leb128(data, position)
        yield header >> 3 & 15, data[position : position + size]
        position += size


def _read_leb128(data: bytes, position: int) -> tuple[int, int]:
    number = 0
    for index in range(8):
        byte = data[position + index]
        number |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            break
    return number, position + index + 1


def _read_size(unit: bytes) -> tuple[int, int]:
    bits = _Bits(unit[:1024])
    bits.read(3 + 1)  # profile, still picture
    if bits.read(1):  # the short header of a still picture
        bits.read(5)
    else:
        _skip_timing(bits)
    lengths = bits.read(4) + 1, bits.read(4) + 1
    width, height = (max(bits.read(length) + 1, 1 << length - 1) for length in lengths)
    return width, height


def _skip_timing(bits: _Bits) -> None:
    delay_length = 0
    if bits.read(1):
        bits.read(32 + 32)
        if bits.read(1):
            bits.skip_variable()
        if bits.read(1):
            delay_length = bits.read(5) + 1
            bits.read(32 + 5 + 5)
    has_display_delay = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:
            bits.read(1)
        if delay_length and bits.read(1):
            bits.read(2 * delay_length + 1)
        if has_display_delay and bits.read(1):
            bits.read(4)
