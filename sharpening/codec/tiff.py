"""TIFF: what of it cannot be kept, its 16-bit pictures by libtiff, and a writer for all of them.

libtiff is asked through imagecodecs where Pillow would read 16 bits as 8. Pillow's writer
compresses no file that has EXIF; this one does, with differences between neighbours.
"""

import io
import zlib
from typing import Any

import imagecodecs
import numpy as np
from PIL import ExifTags, TiffImagePlugin

from sharpening.codec.directory import Directory, read_directory
from sharpening.codec.exif import tags_for_tiff
from sharpening.codec.header import check_size, raise_frames
from sharpening.codec.image import Pixels
from sharpening.errors import BrokenImageError, UnsupportedImageError

_WIDTH, _HEIGHT, _BITS = 256, 257, ExifTags.Base.BitsPerSample
_COMPRESSION, _PHOTOMETRIC = ExifTags.Base.Compression, ExifTags.Base.PhotometricInterpretation
_STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 277, 278, 279
_PLANAR, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS = 284, 317, 322, 323, 324
_EXTRA_SAMPLES, _SAMPLE_FORMAT, ICC_PROFILE = 338, 339, 34675

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_COLOUR_CHANNELS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, 3: 1, 5: 4, 6: 3, 8: 3}
_MULTIPLIED, _ALPHA = 1, 2  # values of ExtraSamples
_UNSIGNED, _UNDEFINED = 1, 4  # values of SampleFormat
_DEFLATE, _DIFFERENCES = 8, 2  # values of Compression and Predictor

_COMPRESSION_LEVEL = 4
_STRIP_AIM_BYTES = 2**18
_SMALL_TILE_PX = 1024 * 1024
_BAND_ROWS = 64


def read_tags(data: bytes, max_pixels: int) -> Directory:
    """Return the tags of a TIFF picture of one frame that can be kept as it is.

    Raises `BrokenImageError`, `ImageTooLargeError` or `UnsupportedImageError` for any other.
    """
    try:
        tags = read_directory(data)
        tags.check()
        size = read_size(tags)
        check_size(size, max_pixels)
        if tags.next:
            raise_frames("tiff")
        _check_pieces(tags, *size)
        _refuse_what_would_be_lost(tags)
    except (ValueError, IndexError) as error:
        raise BrokenImageError(f"the TIFF header is damaged ({error}): send it again") from error
    return tags


def read_size(tags: Directory) -> tuple[int, int]:
    """Return width and height; raises `ValueError` or `IndexError` where they are not there."""
    return tags.read_numbers(_WIDTH)[0], tags.read_numbers(_HEIGHT)[0]


def is_deep(tags: Directory) -> bool:
    """Tell whether the picture has 16 bits per channel."""
    return max(tags.read_numbers(_BITS, (1,))) == 16


def read_deep_channels(tags: Directory) -> Pixels:
    """Return the channels of a 16-bit picture, `(H, W, 1 to 4)` uint16, black as zero.

    Raises `RuntimeError` or `ValueError` for damaged bytes.
    """
    channels = tags.read_numbers(_SAMPLES, (1,))[0]
    width, height = read_size(tags)
    in_planes = channels > 1 and _is_in_planes(tags)
    shape = (channels, height, width) if in_planes else (height, width, channels)
    # given where to decode to, it refuses a file that it finds to be larger than its tags say
    target = np.empty(shape[:2] if channels == 1 else shape, np.uint16)
    stored: Pixels = imagecodecs.tiff_decode(tags.data, out=target)
    pixels = np.moveaxis(stored, 0, 2) if in_planes else stored.reshape(shape)
    if tags.read_numbers(_PHOTOMETRIC)[0] == _WHITE_IS_ZERO:
        np.subtract(65535, pixels[..., 0], out=pixels[..., 0])
    if tags.read_numbers(_EXTRA_SAMPLES)[:1] == (_MULTIPLIED,):
        _divide_by_alpha(pixels)
    return pixels


def write_channels(channels: Pixels, *, icc_profile: bytes | None, exif: bytes | None) -> bytes:
    """Return a TIFF file of these channels, `(H, W)` or `(H, W, 2 to 4)`, with their own depth.

    Raises `ValueError` for EXIF that cannot be taken apart.
    """
    height, width = channels.shape[:2]
    samples = channels.reshape(height, width, -1)
    count, bits = samples.shape[2], samples.dtype.itemsize * 8
    rows = max(1, _STRIP_AIM_BYTES // (width * count * bits // 8))
    strips = [_compress(samples[top : top + rows]) for top in range(0, height, rows)]
    lengths = [len(strip) for strip in strips]
    tags: dict[int, Any] = tags_for_tiff(exif) if exif else {}
    tags |= {
        **{_WIDTH: width, _HEIGHT: height, _BITS: (bits,) * count, _SAMPLES: count},
        **{_COMPRESSION: _DEFLATE, _PREDICTOR: _DIFFERENCES, _ROWS_PER_STRIP: rows, _PLANAR: 1},
        _PHOTOMETRIC: _BLACK_IS_ZERO if count <= 2 else _RGB,
        _STRIP_OFFSETS: tuple(sum(lengths[:index]) for index in range(len(strips))),
        _STRIP_BYTES: tuple(lengths),
    }
    if count in {2, 4}:
        tags[_EXTRA_SAMPLES] = _ALPHA
    if icc_profile is not None:
        tags[ICC_PROFILE] = icc_profile
    return b"".join([_write_tags(tags), *strips])


def _write_tags(tags: dict[int, Any]) -> bytes:
    """Return the header and its directory; Pillow counts the strips' places from their end."""
    directory = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    directory.tagtype[_STRIP_OFFSETS] = directory.tagtype[_STRIP_BYTES] = 4  # 32 bits
    for tag, value in tags.items():
        directory[tag] = value
    buffer = io.BytesIO()
    directory.save(buffer)
    return buffer.getvalue()


def _compress(rows: Pixels) -> bytes:
    """Return the rows deflated, each channel as differences from its neighbour on the left."""
    differences = rows.copy()
    differences[:, 1:] -= rows[:, :-1]
    little_endian = differences.astype(differences.dtype.newbyteorder("<"), copy=False)
    return zlib.compress(little_endian.data, _COMPRESSION_LEVEL)


def _divide_by_alpha(pixels: Pixels) -> None:
    """Undo that colours were multiplied by alpha, the last channel; in place."""
    for top in range(0, len(pixels), _BAND_ROWS):
        band = pixels[top : top + _BAND_ROWS]
        alpha = np.maximum(band[..., -1:], 1).astype(np.float64)
        colour = np.rint(band[..., :-1] * (65535 / alpha))
        band[..., :-1] = np.minimum(colour, 65535)


def _check_pieces(tags: Directory, width: int, height: int) -> None:
    """Raise `ValueError` for tiles far larger than the picture, and for too few tiles or strips.

    Each tile takes its full memory, and where no piece is named Pillow leaves the picture black.
    """
    if tags.find(_TILE_WIDTH):
        tile_width, tile_height = (tags.read_numbers(tag)[0] for tag in (_TILE_WIDTH, _TILE_HEIGHT))
        if tile_width * tile_height > max(_SMALL_TILE_PX, width * height):
            raise ValueError(f"tiles of {tile_width}x{tile_height} px for {width}x{height} px")
        named, across = tags.read_numbers(_TILE_OFFSETS), -(-width // max(1, tile_width))
        down = -(-height // max(1, tile_height))
    else:
        named, across = tags.read_numbers(_STRIP_OFFSETS), 1
        down = -(-height // max(1, tags.read_numbers(_ROWS_PER_STRIP, (height,))[0]))
    planes = tags.read_numbers(_SAMPLES, (1,))[0] if _is_in_planes(tags) else 1
    if len(named) < across * down * planes:
        raise ValueError(f"{len(named)} of {across * down * planes} strips or tiles")


def _is_in_planes(tags: Directory) -> bool:
    return tags.read_numbers(_PLANAR, (1,))[0] == 2


def _refuse_what_would_be_lost(tags: Directory) -> None:
    bits, kinds = tags.read_numbers(_BITS, (1,)), tags.read_numbers(_SAMPLE_FORMAT, (1,))
    photometric = tags.read_numbers(_PHOTOMETRIC)[0]
    channels = tags.read_numbers(_SAMPLES, (1,))[0]
    extra = channels - _COLOUR_CHANNELS.get(photometric, channels)
    meaning = tags.read_numbers(_EXTRA_SAMPLES, (_ALPHA,))
    if not set(kinds) <= {_UNSIGNED, _UNDEFINED}:
        lost = f"samples of {max(bits)} bits that are not whole numbers from 0 up"
    elif max(bits) > 8 and (set(bits) != {16} or photometric > _RGB):
        lost = f"colour of {max(bits)} bits per channel"
    elif extra > 1 or (extra == 1 and meaning[0] not in {_MULTIPLIED, _ALPHA}):
        lost = "channels besides colour and alpha"
    else:
        return
    raise UnsupportedImageError(
        f"TIFF {lost} would not survive: send it as grey or RGB of 8 or 16 bits, "
        "with or without alpha"
    )
