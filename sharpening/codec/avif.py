"""What Pillow does not tell of an AVIF, read from its boxes: declared size, depth, greyscale.

AV1 Image File Format 1.1 and the AV1 codec's ISO media format 1.2, section 2.3. Boxes are found
by their size and name wherever they stand; a file in which others look like them is not believed
to be smaller, shallower or greyer than it is.
"""

import re

_SIZE = re.compile(rb"\0\0\0\x14ispe\0\0\0\0(.{4})(.{4})", re.DOTALL)
_CODING = re.compile(rb"\0\0\0[\x0c-\xff]av1C\x81.(.)", re.DOTALL)
_DEEP, _MONOCHROME = 0x40, 0x10


def read_size(data: bytes) -> tuple[int, int]:
    """Return width and height of the largest picture that the file declares; 0, 0 if none."""
    sizes = [tuple(int.from_bytes(side) for side in found) for found in _SIZE.findall(data)]
    width, height = max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))
    return width, height


def is_deep(data: bytes) -> bool:
    """Tell whether any part of the picture has more than 8 bits per channel."""
    return any(flags[0] & _DEEP for flags in _CODING.findall(data))


def is_greyscale(data: bytes) -> bool:
    """Tell whether every part of the picture is monochrome, as alpha always is."""
    codings = _CODING.findall(data)
    return bool(codings) and all(flags[0] & _MONOCHROME for flags in codings)
