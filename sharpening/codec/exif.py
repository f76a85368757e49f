"""EXIF: kept byte for byte but for its orientation, and moved into and out of TIFF's own tags.

Maker's notes and previews hold positions within the whole, so what is written anew loses them:
only a TIFF, whose tags its EXIF is, is.
"""

import io
from typing import Any

from PIL import ExifTags
from PIL import Image as PillowImage

from sharpening.codec.directory import Directory, read_directory

_PREFIX = b"Exif\0\0"

_TAGS_OF_THE_PICTURE = frozenset(
    {
        ExifTags.Base.ImageDescription,
        ExifTags.Base.Make,
        ExifTags.Base.Model,
        ExifTags.Base.XResolution,
        ExifTags.Base.YResolution,
        ExifTags.Base.ResolutionUnit,
        ExifTags.Base.Software,
        ExifTags.Base.DateTime,
        ExifTags.Base.Artist,
        ExifTags.Base.HostComputer,
        ExifTags.Base.Rating,
        ExifTags.Base.Copyright,
        ExifTags.IFD.Exif,
        ExifTags.IFD.GPSInfo,
    }
)
"""A TIFF's other tags say how its bytes lie, which holds for no other file."""


def detach_orientation(exif: bytes) -> tuple[int, bytes | None]:
    """Return the orientation (1 if none is given) and the EXIF without it; nothing if it was all.

    The other bytes stay where and as they are, damaged ones too. Raises `ValueError` if there is
    no directory to look in.
    """
    while exif.startswith(_PREFIX):
        exif = exif[len(_PREFIX) :]
    directory = read_directory(exif)
    entry = directory.find(ExifTags.Base.Orientation)
    if entry is None:
        return 1, _PREFIX + exif
    if len(directory.entries) == 1 and not directory.next:
        return read_orientation(directory), None
    return read_orientation(directory), _PREFIX + _cut_out(directory, entry.position)


def read_orientation(directory: Directory) -> int:
    """Return the orientation that a directory gives, 1 if none."""
    try:
        return directory.read_numbers(ExifTags.Base.Orientation, (1,))[0]
    except ValueError:
        return 1


def _cut_out(directory: Directory, position: int) -> bytes:
    """Return the bytes with one entry less: those after it move up, all the values stay."""
    data, size = bytearray(directory.data), 20 if directory.is_big else 12
    end = directory.entries[-1].position + size + (8 if directory.is_big else 4)
    data[position:end] = data[position + size : end] + bytes(size)
    count = slice(directory.position, directory.entries[0].position)
    order = "little" if directory.order == "<" else "big"
    data[count] = (len(directory.entries) - 1).to_bytes(count.stop - count.start, order)  # type: ignore[arg-type]
    return bytes(data)


def exif_of_tiff(directory: Directory) -> bytes | None:
    """Return what of a TIFF's tags is EXIF, of the upright picture; nothing if there is none.

    Raises `ValueError` where it holds what lies outside the data, and what Pillow raises.
    """
    check_nested(directory)
    parsed = PillowImage.Exif()
    parsed.bigtiff, parsed.endian = directory.is_big, directory.order
    parsed.load_from_fp(io.BytesIO(directory.data), directory.position)
    exif = PillowImage.Exif()
    exif.update(_collect(parsed))
    return exif.tobytes() if exif else None


def tags_for_tiff(exif: bytes) -> dict[int, Any]:
    """Return what of EXIF a TIFF has as tags of its own, without what upsets its byte layout.

    Nested directories are dictionaries. Raises `ValueError` where EXIF holds what lies outside it.
    """
    directory = read_directory(exif.removeprefix(_PREFIX))
    directory.check()
    check_nested(directory)
    parsed = PillowImage.Exif()
    parsed.load(exif)
    return _collect(parsed)


def _collect(parsed: PillowImage.Exif) -> dict[int, Any]:
    """Return the tags that speak of the picture, nested directories read into dictionaries."""
    tags = {tag: value for tag, value in parsed.items() if tag in _TAGS_OF_THE_PICTURE}
    for nested in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if nested in tags:
            tags[nested] = dict(parsed.get_ifd(nested))
    details = tags.get(ExifTags.IFD.Exif, {})
    if ExifTags.IFD.Interop in details:  # a position in the old file: put what lies there
        details[ExifTags.IFD.Interop] = parsed.get_ifd(ExifTags.IFD.Interop)
    return tags


def check_nested(directory: Directory) -> None:
    """Raise `ValueError` where EXIF's directories below this one reach outside the data."""
    for tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        for position in directory.read_numbers(tag)[:1]:
            inner = read_directory(directory.data, position)
            inner.check()
            for innermost in inner.read_numbers(ExifTags.IFD.Interop)[:1]:
                read_directory(directory.data, innermost).check()
