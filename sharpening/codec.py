"""Bytes to pictures and back, with everything that has to survive in between.

What survives is alpha, the ICC profile and EXIF; XMP, comments and resolution outside EXIF do not.
Never sharpens, never guesses a value range, never lifts Pillow's own pixel limit, and never
swallows a decode error.
"""

import io
import struct
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, ImageCms, ImageOps, UnidentifiedImageError
from PIL import Image as PillowImage

from sharpening.errors import (
    BrokenImageError,
    CannotEncodeError,
    ImageTooLargeError,
    ParameterError,
    UnsupportedImageError,
)

Format = Literal["png", "jpeg", "webp", "tiff"]
FORMATS: tuple[Format, ...] = get_args(Format)
MEDIA_TYPES: dict[Format, str] = {name: f"image/{name}" for name in FORMATS}

MAX_PIXELS = 64_000_000
DEFAULT_QUALITY = 90

_MAX_SIDE_PX: dict[Format, int] = {"jpeg": 65_500, "webp": 16_383}
"""What libjpeg and WebP's own header allow; the other formats hold any side that fits here."""

_MAX_JPEG_EXIF_BYTES = 65_533

_FORMATS_OF_PILLOW: dict[str, Format] = {
    "PNG": "png",
    "JPEG": "jpeg",
    "MPO": "jpeg",
    "WEBP": "webp",
    "TIFF": "tiff",
}

_BOMBS = (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning)
"""What Pillow raises for too many pixels; the second only where warnings are errors."""

_PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    RuntimeError,
    struct.error,
    *_BOMBS,
)
"""What Pillow's plugins raise on damaged bytes and tags, as found by feeding them some."""

_UNSIGNED, _UNDEFINED = 1, 4  # values of TIFF's SampleFormat

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


@dataclass(frozen=True)
class Image:
    """A picture outside networks.

    `pixels` is `(H, W, 3)` RGB, uint8 or, for 16-bit sources, uint16; a grey source has three
    equal channels and `greyscale` set. `alpha` is `(H, W)` of the same dtype. EXIF orientation is
    already applied and its tag gone from `exif`.
    """

    pixels: npt.NDArray[Any]
    alpha: npt.NDArray[Any] | None = None
    greyscale: bool = False
    format: Format = "png"
    icc_profile: bytes | None = field(default=None, repr=False)
    exif: bytes | None = field(default=None, repr=False)

    @property
    def bit_depth(self) -> int:
        """8 or 16."""
        return int(self.pixels.dtype.itemsize) * 8

    def with_pixels(self, pixels: npt.NDArray[Any]) -> "Image":
        """Return the same picture with other pixels; alpha and metadata stay."""
        return replace(self, pixels=pixels)


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Return the picture in `data`: PNG, JPEG, WebP or TIFF, of one frame.

    Of a phone's JPEG with a gain map or a depth map behind it (MPO), it is the photograph.

    Raises `UnsupportedImageError` for any other format, for animations and for samples that do not
    fit, `ImageTooLargeError` before decoding more than `max_pixels`, and `BrokenImageError` for
    bytes that are damaged or cut short.
    """
    source = _open(data, max_pixels)
    if source.width * source.height > max_pixels:
        raise ImageTooLargeError(width=source.width, height=source.height, max_pixels=max_pixels)
    format_ = _FORMATS_OF_PILLOW[source.format or ""]
    try:
        _refuse_what_would_be_lost(source)
        source.load()
        upright = ImageOps.exif_transpose(source)
        exif = _exif_of(source)
    except _PILLOW_ERRORS as error:
        raise BrokenImageError(
            f"the {format_.upper()} picture is damaged or incomplete ({error}): send it again"
        ) from error
    return _separate(upright, format_, exif)


def read_size(data: bytes, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return width and height of the picture in `data`, by its header alone.

    Cheap: no pixel is decoded, and what lies behind the header may still be damaged. Raises as
    `decode` does for what the header shows.
    """
    source = _open(data, max_pixels)
    if source.width * source.height > max_pixels:
        raise ImageTooLargeError(width=source.width, height=source.height, max_pixels=max_pixels)
    return source.size


def encode(image: Image, format_: Format | None = None, *, quality: int | None = None) -> bytes:
    """Return the picture as a file of `format_` (default: the one it came in).

    `quality`, 1 to 100, is for JPEG and WebP (default 90; WebP at 100 is lossless); PNG and TIFF
    are always lossless. Raises `CannotEncodeError` where the format cannot hold the picture and
    `ParameterError` for a quality outside its range.
    """
    target = format_ or image.format
    options = _options(target, DEFAULT_QUALITY if quality is None else quality)
    check_format(image, target)
    joined = _join(image)
    buffer = io.BytesIO()
    try:
        if image.exif:
            options |= _tiff_exif(image.exif) if target == "tiff" else {"exif": image.exif}
        joined.save(buffer, format=target.upper(), icc_profile=image.icc_profile, **options)
    except _PILLOW_ERRORS as error:
        raise CannotEncodeError(
            f"{target} cannot hold this picture of {joined.width}x{joined.height} px with its "
            f"metadata ({error}): ask for another format"
        ) from error
    return buffer.getvalue()


def check_format(image: Image, format_: Format) -> None:
    """Raise `CannotEncodeError` if `format_` cannot hold the picture; looks at no pixel's value."""
    height, width = image.pixels.shape[:2]
    if format_ == "jpeg" and image.alpha is not None:
        raise CannotEncodeError("JPEG cannot hold transparency: ask for png, webp or tiff")
    if format_ == "jpeg" and len(image.exif or b"") > _MAX_JPEG_EXIF_BYTES:
        raise CannotEncodeError("EXIF data is too long for JPEG: ask for png, webp or tiff")
    if image.bit_depth == 16 and format_ not in {"png", "tiff"}:
        raise CannotEncodeError(f"{format_} cannot hold 16 bits per channel: ask for png or tiff")
    if image.bit_depth == 16 and (not image.greyscale or image.alpha is not None):
        raise CannotEncodeError("16-bit pictures can only be written as opaque greyscale")
    if max(height, width) > _MAX_SIDE_PX.get(format_, max(height, width)):
        raise CannotEncodeError(
            f"{format_} cannot hold {width}x{height} px, only {_MAX_SIDE_PX[format_]} px a side: "
            "ask for png or tiff"
        )


def _open(data: bytes, max_pixels: int) -> PillowImage.Image:
    try:
        return PillowImage.open(io.BytesIO(data), formats=[name.upper() for name in FORMATS])
    except UnidentifiedImageError as error:
        if _recognise(data):
            raise BrokenImageError("the picture's header is damaged: send it again") from error
        raise UnsupportedImageError(
            f"not a picture in one of the formats {', '.join(FORMATS)}: convert it to one of them"
        ) from error
    except _BOMBS as error:
        width, height = _read_size(data)
        limit = min(max_pixels, 2 * (PillowImage.MAX_IMAGE_PIXELS or max_pixels))
        raise ImageTooLargeError(width=width, height=height, max_pixels=limit) from error
    except _PILLOW_ERRORS as error:
        raise BrokenImageError(
            f"the picture's header is damaged ({error}): send it again"
        ) from error


def _recognise(data: bytes) -> str:
    """Return Pillow's name of the format whose signature the data begin with, or nothing."""
    for name in (format_.upper() for format_ in FORMATS):
        accepts = PillowImage.OPEN[name][1]
        if accepts is not None and accepts(data[:16]) is True:
            return name
    return ""


def _read_size(data: bytes) -> tuple[int, int]:
    """Return the size of a picture that Pillow recognised and found too large to open."""
    if data[8:12] == b"WEBP":
        return _read_webp_size(data)  # Pillow's plugin gives up before it tells the size
    factory, _ = PillowImage.OPEN[_recognise(data)]
    return factory(io.BytesIO(data), b"").size


def _read_webp_size(data: bytes) -> tuple[int, int]:
    """Read the header of any of WebP's three kinds: RFC 9649, sections 2.5 to 2.7."""
    if data[12:16] == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    return width, height


def _refuse_what_would_be_lost(source: PillowImage.Image) -> None:
    if source.format != "MPO" and getattr(source, "is_animated", False):
        raise UnsupportedImageError(
            f"the {source.format} picture has more than one frame; send one frame at a time"
        )
    unread = {"PNG": _unread_in_png, "TIFF": _unread_in_tiff}.get(source.format or "")
    samples = unread(source) if unread else None
    if samples:
        raise UnsupportedImageError(
            f"{source.format} {samples} would not survive: send it as 8-bit, or as opaque "
            "16-bit greyscale where 0 is black"
        )


def _unread_in_png(source: Any) -> str | None:
    """Name what Pillow would read with loss and without a word; nothing if all is well."""
    rawmode = str(source.tile[0].args)
    if source.mode == "I;16":
        return "transparency of 16-bit greyscale" if "transparency" in source.info else None
    if "transparency" in source.info and rawmode in {"L;2", "L;4"}:
        return f"transparency of {rawmode[-1]}-bit greyscale"
    return "colour of 16 bits per channel" if ";16" in rawmode else None


def _unread_in_tiff(source: Any) -> str | None:
    """Name what Pillow would read with loss and without a word; nothing if all is well."""
    bits = max(source.tag_v2.get(ExifTags.Base.BitsPerSample, (1,)))
    kinds = set(source.tag_v2.get(ExifTags.Base.SampleFormat, (1,)))
    if not kinds <= {_UNSIGNED, _UNDEFINED}:
        return f"samples of {bits} bits that are not whole numbers from 0 up"
    if bits <= 8:
        return None
    if bits != 16 or not source.mode.startswith("I;16"):
        return f"colour of {bits} bits per channel"
    white_is_zero = source.tag_v2.get(ExifTags.Base.PhotometricInterpretation) == 0
    return "16-bit greyscale where 0 is white" if white_is_zero else None


def _exif_of(source: PillowImage.Image) -> bytes | None:
    """Return the EXIF of an upright picture: without its orientation, nor a TIFF's byte layout."""
    exif = source.getexif()
    if "exif" in source.info:  # `getexif` keeps silent about a JPEG's damaged tags
        exif = PillowImage.Exif()
        exif.load(source.info["exif"])
    for tag in list(exif):
        layout = source.format == "TIFF" and tag not in _TAGS_OF_THE_PICTURE
        if layout or tag == ExifTags.Base.Orientation:
            del exif[tag]
    return exif.tobytes() if exif else None


def _tiff_exif(data: bytes) -> dict[str, Any]:
    """Return the save options that put EXIF into a TIFF without upsetting its byte layout."""
    exif = PillowImage.Exif()
    exif.load(data)
    for tag in set(exif) - _TAGS_OF_THE_PICTURE:
        del exif[tag]
    details = exif.get_ifd(ExifTags.IFD.Exif)
    if ExifTags.IFD.Interop in details:  # a position in the old file: put what lies there
        details[ExifTags.IFD.Interop] = exif.get_ifd(ExifTags.IFD.Interop)
    nested = {ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo} & set(exif)
    # libtiff, which compresses, cannot write nested directories; Pillow's own writer can
    return {"exif": exif, **({"compression": "raw"} if nested else {})}


def _separate(upright: PillowImage.Image, format_: Format, exif: bytes | None) -> Image:
    icc_profile: bytes | None = upright.info.get("icc_profile")
    if upright.mode in {"I;16", "I;16B", "I;16L"}:
        grey = np.asarray(upright).astype(np.uint16)
        return Image(
            np.repeat(grey[..., np.newaxis], 3, axis=2), None, True, format_, icc_profile, exif
        )
    if upright.mode == "CMYK":
        return Image(_cmyk_to_rgb(upright, icc_profile), None, False, format_, None, exif)
    if upright.mode not in {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "YCbCr"}:
        raise UnsupportedImageError(
            f"pictures of mode {upright.mode} are not handled: convert to 8-bit RGB or greyscale"
        )
    greyscale = upright.mode in {"1", "L", "LA", "La"}
    if upright.has_transparency_data:
        channels = np.asarray(upright.convert("RGBA"))
        alpha = np.ascontiguousarray(channels[..., 3])
        pixels = np.ascontiguousarray(channels[..., :3])
        return Image(pixels, alpha, greyscale, format_, icc_profile, exif)
    pixels = np.asarray(upright.convert("RGB"))
    return Image(pixels, None, greyscale, format_, icc_profile, exif)


def _cmyk_to_rgb(upright: PillowImage.Image, icc_profile: bytes | None) -> npt.NDArray[np.uint8]:
    """Convert ink to sRGB: by the picture's profile, or plainly where it has none."""
    if icc_profile is None:
        return np.asarray(upright.convert("RGB"))
    try:
        ink = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(upright, ink, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise BrokenImageError(f"the picture's CMYK profile is damaged ({error})") from error
    assert converted is not None  # profileToProfile returns None only when it works in place
    return np.asarray(converted)


def _join(image: Image) -> PillowImage.Image:
    if image.greyscale:
        colour = PillowImage.fromarray(_to_grey(image.pixels))
    else:
        colour = PillowImage.fromarray(np.ascontiguousarray(image.pixels))
    if image.alpha is not None:
        colour.putalpha(PillowImage.fromarray(image.alpha))
    return colour


def _to_grey(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the mean of the channels, which a network may have moved apart by a level or two."""
    mean = pixels.astype(np.float32).mean(axis=2)
    return np.asarray(np.rint(mean).astype(pixels.dtype))


def _options(target: Format, quality: int) -> dict[str, Any]:
    if not 1 <= quality <= 100:
        raise ParameterError(f"quality is {quality}; expected 1 to 100")
    match target:
        case "png":
            return {"compress_level": 4}
        case "jpeg":
            return {"quality": quality, "subsampling": "4:4:4" if quality >= 90 else "4:2:0"}
        case "webp":
            return {"quality": quality, "lossless": quality == 100, "exact": True}
        case "tiff":
            return {"compression": "tiff_adobe_deflate"}
