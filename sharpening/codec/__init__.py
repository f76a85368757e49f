"""Bytes to pictures and back, with everything that has to survive in between.

What survives is alpha, the ICC profile and EXIF; XMP, comments and resolution outside EXIF do not.
Never sharpens, never guesses a value range, never lifts Pillow's own pixel limit, and never
swallows a decode error.
"""

from sharpening.codec.decoder import MAX_PIXELS, decode, read_size
from sharpening.codec.encoder import DEFAULT_QUALITY, check_format, encode
from sharpening.codec.header import check_size
from sharpening.codec.image import FORMATS, MEDIA_TYPES, Format, Image

__all__ = [
    "DEFAULT_QUALITY",
    "FORMATS",
    "MAX_PIXELS",
    "MEDIA_TYPES",
    "Format",
    "Image",
    "check_format",
    "check_size",
    "decode",
    "encode",
    "read_size",
]
