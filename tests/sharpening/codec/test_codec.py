"""Bytes to pictures and back: what survives, what is refused, and that nothing else escapes."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
from PIL import Image as PillowImage
from PIL import ImageCms, TiffImagePlugin

from sharpening.codec import FORMATS, Format, Image, decode, encode, read_size
from sharpening.errors import (
    BrokenImageError,
    CannotEncodeError,
    ImageTooLargeError,
    ParameterError,
    UnsupportedImageError,
)

Pixels = npt.NDArray[Any]

LOSSLESS: dict[Format, int | None] = {"png": None, "tiff": None, "webp": 100}

ORIENTATION, MAKE, WIDTH, WHITE_IS_ZERO, RESOLUTION = 274, 271, 256, 262, 282
EXIF_DIRECTORY, GPS_DIRECTORY, INTEROP_DIRECTORY = 0x8769, 0x8825, 0xA005
TAKEN_AT, HEMISPHERE = 0x9003, 1


@pytest.fixture(scope="module")
def photograph() -> Pixels:
    return np.ascontiguousarray(skimage.data.chelsea()[100:148, 100:160])


@pytest.fixture(scope="module")
def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def save(picture: PillowImage.Image, format_: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format_.upper(), **options)
    return buffer.getvalue()


def save_pixels(pixels: Pixels, format_: str, **options: Any) -> bytes:
    return save(PillowImage.fromarray(pixels), format_, **options)


def camera_exif(orientation: int = 1) -> bytes:
    exif = PillowImage.Exif()
    exif[MAKE] = "Camera"
    exif[ORIENTATION] = orientation
    exif[RESOLUTION] = TiffImagePlugin.IFDRational(72)
    exif.get_ifd(EXIF_DIRECTORY)[TAKEN_AT] = "2020:01:02 03:04:05"
    exif.get_ifd(GPS_DIRECTORY)[HEMISPHERE] = "N"
    return exif.tobytes()


def read_exif(data: bytes | None) -> PillowImage.Exif:
    exif = PillowImage.Exif()
    exif.load(data or b"")
    return exif


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(
    size: tuple[int, int], depth: int, colour: int, rows: bytes, before_pixels: bytes = b""
) -> bytes:
    """Return a PNG of kinds that Pillow does not write; `rows` have their filter bytes."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0))
        + before_pixels
        + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )


def tiff_of(size: tuple[int, int], samples: bytes, tags: dict[int, tuple[int, ...]]) -> bytes:
    """Return an uncompressed TIFF of one strip, of kinds that Pillow does not write."""
    channels = tags.get(277, (1,))[0]
    entries: dict[int, tuple[int, ...]] = {
        **{256: (size[0],), 257: (size[1],), 258: (8,) * channels, 259: (1,), 262: (1,)},
        **{273: (0,), 277: (channels,), 278: (size[1],), 279: (len(samples),)},
        **tags,
    }
    end = 8 + 2 + 12 * len(entries) + 4
    directory, overflow = b"", b""
    for tag, values in sorted(entries.items()):
        packed = struct.pack(f"<{len(values)}H", *values)
        if len(packed) > 4:
            offset = end + len(overflow)
            overflow += packed
            packed = struct.pack("<I", offset)
        directory += struct.pack("<HHI", tag, 3, len(values)) + packed.ljust(4, b"\0")
    strip = end + len(overflow)
    directory = directory.replace(
        struct.pack("<HHI4s", 273, 3, 1, bytes(4)), struct.pack("<HHII", 273, 4, 1, strip)
    )
    header = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    return header + directory + bytes(4) + overflow + samples


class TestColours:
    @pytest.mark.parametrize("format_", LOSSLESS)
    def test_lossless_format_gives_the_same_rgb_pixels(
        self, format_: Format, photograph: Pixels
    ) -> None:
        options = {"lossless": True} if format_ == "webp" else {}
        image = decode(save_pixels(photograph, format_, **options))
        np.testing.assert_array_equal(image.pixels, photograph)
        assert (image.format, image.bit_depth, image.greyscale) == (format_, 8, False)
        assert image.alpha is None

    @pytest.mark.parametrize(
        "options",
        [
            {"subsampling": "4:2:0"},
            {"subsampling": "4:4:4", "quality": 98},
            {"progressive": True},
            {"keep_rgb": True},
            {"restart_marker_rows": 1},
        ],
    )
    def test_jpeg_gives_what_pillow_decodes(
        self, options: dict[str, Any], photograph: Pixels
    ) -> None:
        data = save_pixels(photograph[:-1, :-3], "jpeg", **options)
        expected = np.asarray(PillowImage.open(io.BytesIO(data)))
        image = decode(data)
        np.testing.assert_array_equal(image.pixels, expected)
        assert image.format == "jpeg"

    def test_jpeg_that_breaks_off_between_scans_is_refused_though_it_ends_well(
        self, photograph: Pixels
    ) -> None:
        whole = save_pixels(photograph, "jpeg", progressive=True)
        middle = whole.index(b"\xff\xda", whole.index(b"\xff\xda") + 2)
        comment = b"\xff\xfe\xff\xff"  # says that it is longer than all that follows
        with pytest.raises(BrokenImageError):
            decode(whole[:middle] + comment + whole[middle:])

    @pytest.mark.parametrize("format_", ["png", "jpeg", "tiff"])
    def test_greyscale_becomes_three_equal_channels_and_stays_greyscale(
        self, format_: Format, photograph: Pixels
    ) -> None:
        image = decode(save_pixels(photograph[..., 1], format_))
        assert image.greyscale
        assert image.pixels.shape == photograph.shape
        np.testing.assert_array_equal(image.pixels[..., 0], image.pixels[..., 2])
        assert PillowImage.open(io.BytesIO(encode(image))).mode == "L"

    def test_greyscale_with_alpha_keeps_both(self, photograph: Pixels) -> None:
        data = save(PillowImage.fromarray(photograph[..., :2], "LA"), "png")
        image = decode(data)
        assert image.greyscale
        assert image.alpha is not None
        np.testing.assert_array_equal(image.pixels[..., 1], photograph[..., 0])
        np.testing.assert_array_equal(image.alpha, photograph[..., 1])
        assert PillowImage.open(io.BytesIO(encode(image))).mode == "LA"

    def test_palette_becomes_its_colours(self, photograph: Pixels) -> None:
        picture = PillowImage.fromarray(photograph).quantize(16)
        image = decode(save(picture, "png"))
        np.testing.assert_array_equal(image.pixels, np.asarray(picture.convert("RGB")))
        assert image.alpha is None

    def test_palette_with_transparency_gets_its_alpha(self, photograph: Pixels) -> None:
        picture = PillowImage.fromarray(photograph).quantize(4)
        table = bytes([0, 85, 170, 255])
        image = decode(save(picture, "png", transparency=table))
        assert image.alpha is not None
        np.testing.assert_array_equal(
            image.alpha, np.frombuffer(table, np.uint8)[np.asarray(picture)]
        )
        np.testing.assert_array_equal(image.pixels, np.asarray(picture.convert("RGB")))

    @pytest.mark.parametrize(
        ("mode", "transparent"), [("L", 7), ("RGB", (7, 7, 7)), ("1", 0)], ids=["grey", "rgb", "1"]
    )
    def test_colour_key_becomes_alpha(self, mode: str, transparent: Any) -> None:
        grey = PillowImage.fromarray(np.array([[7, 200]], np.uint8))
        picture = grey.point(lambda value: value > 100 and 255, "1") if mode == "1" else grey
        image = decode(save(picture.convert(mode), "png", transparency=transparent))
        assert image.alpha is not None
        assert image.alpha.tolist() == [[0, 255]]

    @pytest.mark.parametrize("format_", ["png", "tiff"])
    def test_one_bit_becomes_black_and_white(self, format_: Format, photograph: Pixels) -> None:
        bits = photograph[..., 0] > 128
        image = decode(save(PillowImage.fromarray(bits), format_))
        np.testing.assert_array_equal(image.pixels[..., 0], bits * np.uint8(255))
        assert image.greyscale

    def test_white_is_zero_greyscale_is_turned_round(self) -> None:
        image = decode(tiff_of((2, 1), bytes([0, 40]), {262: (0,)}))
        assert image.pixels[0, :, 0].tolist() == [255, 215]


class TestSixteenBits:
    @pytest.fixture
    def every_value(self) -> Pixels:
        return np.arange(65536, dtype=np.uint16).reshape(256, 256)

    @pytest.mark.parametrize("source", ["png", "tiff"])
    @pytest.mark.parametrize("target", ["png", "tiff"])
    def test_greyscale_keeps_all_65536_values(
        self, source: Format, target: Format, every_value: Pixels
    ) -> None:
        image = decode(save_pixels(every_value, source))
        assert (image.pixels.dtype, image.bit_depth, image.greyscale) == (np.uint16, 16, True)
        again = decode(encode(image, target))
        np.testing.assert_array_equal(again.pixels[..., 0], every_value)
        assert again.pixels.dtype == np.uint16

    def test_big_endian_tiff_keeps_its_values(self, every_value: Pixels) -> None:
        data = save_pixels(every_value.astype(">u2"), "tiff")
        np.testing.assert_array_equal(decode(data).pixels[..., 1], every_value)

    @pytest.mark.parametrize(
        ("tags", "name"),
        [
            ({258: (32,)}, "32 bits"),
            ({258: (32,), 339: (3,)}, "not whole numbers"),
            ({258: (16,), 339: (2,)}, "not whole numbers"),
            ({258: (8,), 339: (2,)}, "not whole numbers"),
            ({258: (12,)}, "12 bits"),
            ({258: (16,) * 4, 262: (5,), 277: (4,)}, "colour of 16 bits"),
            ({258: (16,) * 3, 262: (8,), 277: (3,)}, "colour of 16 bits"),
            ({258: (5, 6, 16), 262: (2,), 277: (3,)}, "colour of 16 bits"),
            ({258: (8,) * 4, 262: (2,), 277: (4,), 338: (0,)}, "besides colour and alpha"),
            ({258: (16,) * 5, 262: (2,), 277: (5,), 338: (2, 0)}, "besides colour and alpha"),
        ],
        ids=[
            *("unsigned 32", "float 32", "signed 16", "signed 8", "12 bits", "16-bit ink"),
            *("16-bit Lab", "uneven bits", "a channel without meaning", "five channels"),
        ],
    )
    def test_tiff_samples_that_would_be_misread_are_refused(
        self, tags: dict[int, tuple[int, ...]], name: str
    ) -> None:
        with pytest.raises(UnsupportedImageError, match=name):
            decode(tiff_of((2, 2), bytes(40), tags))


class TestAlpha:
    @pytest.mark.parametrize("target", LOSSLESS)
    @pytest.mark.parametrize("source", LOSSLESS)
    def test_alpha_and_the_colours_under_it_are_kept_exactly(
        self, source: Format, target: Format, photograph: Pixels
    ) -> None:
        alpha = np.resize(np.arange(256, dtype=np.uint8), photograph.shape[:2])
        options = {"lossless": True, "exact": True} if source == "webp" else {}
        image = decode(save_pixels(np.dstack([photograph, alpha]), source, **options))
        again = decode(encode(image, target, quality=LOSSLESS[target]))
        assert again.alpha is not None
        np.testing.assert_array_equal(again.alpha, alpha)
        np.testing.assert_array_equal(again.pixels, photograph)

    @pytest.mark.parametrize("quality", [30, 90, 100])
    def test_plain_jpeg_has_the_bytes_that_pillow_writes(
        self, quality: int, photograph: Pixels
    ) -> None:
        for pixels in (photograph, photograph[::-1, 1:-2]):
            subsampling = "4:4:4" if quality >= 90 else "4:2:0"
            expected = save_pixels(pixels, "jpeg", quality=quality, subsampling=subsampling)
            assert encode(Image(pixels), "jpeg", quality=quality) == expected

    def test_jpeg_with_alpha_is_refused(self, photograph: Pixels) -> None:
        image = Image(photograph, alpha=photograph[..., 0])
        with pytest.raises(CannotEncodeError, match="JPEG cannot hold transparency"):
            encode(image, "jpeg")


class TestMetadata:
    @pytest.mark.parametrize("format_", FORMATS)
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_orientation_is_applied_and_its_tag_gone_and_the_rest_kept(
        self, orientation: int, format_: Format, photograph: Pixels
    ) -> None:
        options = {"lossless": True} if format_ == "webp" else {}
        data = save_pixels(photograph, format_, exif=camera_exif(orientation), **options)
        transpose = {
            1: lambda stored: stored,
            2: lambda stored: stored[:, ::-1],
            3: lambda stored: stored[::-1, ::-1],
            4: lambda stored: stored[::-1],
            5: lambda stored: stored.transpose(1, 0, 2),
            6: lambda stored: np.rot90(stored, -1),
            7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
            8: lambda stored: np.rot90(stored, 1),
        }[orientation]
        stored = decode(save_pixels(photograph, format_, **options)).pixels
        image = decode(data)
        np.testing.assert_array_equal(image.pixels, transpose(stored))
        exif = read_exif(image.exif)
        assert ORIENTATION not in exif
        assert exif[MAKE] == "Camera"
        assert exif.get_ifd(EXIF_DIRECTORY)[TAKEN_AT] == "2020:01:02 03:04:05"

    def test_alpha_is_turned_with_the_picture(self, photograph: Pixels) -> None:
        data = save_pixels(np.dstack([photograph, photograph[..., 0]]), "png", exif=camera_exif(6))
        image = decode(data)
        np.testing.assert_array_equal(image.alpha, np.rot90(photograph[..., 0], -1))

    def test_impossible_orientation_is_dropped(self, photograph: Pixels) -> None:
        image = decode(save_pixels(photograph, "png", exif=camera_exif(9)))
        np.testing.assert_array_equal(image.pixels, photograph)
        assert ORIENTATION not in read_exif(image.exif)

    @pytest.mark.parametrize("target", FORMATS)
    @pytest.mark.parametrize("source", FORMATS)
    def test_exif_survives_from_any_format_to_any(
        self, source: Format, target: Format, photograph: Pixels
    ) -> None:
        image = decode(save_pixels(photograph, source, exif=camera_exif()))
        again = decode(encode(image, target))
        exif = read_exif(again.exif)
        assert exif[MAKE] == "Camera"
        assert exif[RESOLUTION] == 72
        assert exif.get_ifd(EXIF_DIRECTORY)[TAKEN_AT] == "2020:01:02 03:04:05"
        assert exif.get_ifd(GPS_DIRECTORY)[HEMISPHERE] == "N"
        assert again.pixels.shape == photograph.shape

    def test_exif_cannot_upset_the_layout_of_a_tiff(self, photograph: Pixels) -> None:
        exif = PillowImage.Exif()
        exif[WIDTH] = 9999  # some cameras write such tags into their JPEGs
        exif[WHITE_IS_ZERO] = 0
        image = Image(photograph, exif=exif.tobytes())
        np.testing.assert_array_equal(decode(encode(image, "tiff")).pixels, photograph)

    def test_nested_interoperability_directory_does_not_dangle(self, photograph: Pixels) -> None:
        exif = read_exif(camera_exif())
        exif.get_ifd(EXIF_DIRECTORY)[INTEROP_DIRECTORY] = {1: "R98"}
        image = Image(photograph, exif=exif.tobytes())
        for target in FORMATS:
            again = read_exif(decode(encode(image, target)).exif)
            assert again.get_ifd(INTEROP_DIRECTORY) == {1: "R98"}, target

    def test_layout_tags_of_a_tiff_do_not_travel_to_other_formats(self, photograph: Pixels) -> None:
        image = decode(save_pixels(photograph, "tiff", exif=camera_exif()))
        assert WIDTH not in read_exif(image.exif)

    def test_exif_too_long_for_jpeg_is_a_named_error(self, photograph: Pixels) -> None:
        exif = PillowImage.Exif()
        exif[MAKE] = "x" * 70_000
        with pytest.raises(CannotEncodeError, match="EXIF data is too long"):
            encode(Image(photograph, exif=exif.tobytes()), "jpeg")

    @pytest.mark.parametrize("format_", FORMATS)
    def test_colour_profile_is_kept(
        self, format_: Format, photograph: Pixels, srgb_profile: bytes
    ) -> None:
        image = decode(save_pixels(photograph, format_, icc_profile=srgb_profile))
        assert image.icc_profile == srgb_profile
        for target in FORMATS:
            assert decode(encode(image, target)).icc_profile == srgb_profile

    def test_other_pixels_keep_alpha_and_metadata(self, photograph: Pixels) -> None:
        image = Image(photograph, photograph[..., 0], False, "webp", b"profile", b"exif")
        other = image.with_pixels(255 - photograph)
        np.testing.assert_array_equal(other.pixels, 255 - photograph)
        assert other.with_pixels(image.pixels) == image


class TestEncode:
    @pytest.mark.parametrize("greyscale", [False, True])
    @pytest.mark.parametrize("format_", LOSSLESS)
    def test_decode_of_encode_keeps_all_256_values(self, format_: Format, greyscale: bool) -> None:
        channel = np.arange(256, dtype=np.uint8).reshape(16, 16)
        channels = [channel] * 3 if greyscale else [channel, channel.T, channel[::-1]]
        pixels = np.stack(channels, axis=2)
        data = encode(Image(pixels, greyscale=greyscale), format_, quality=LOSSLESS[format_])
        np.testing.assert_array_equal(decode(data).pixels, pixels)

    @pytest.mark.parametrize("format_", FORMATS)
    def test_one_pixel_survives(self, format_: Format) -> None:
        pixels = np.full((1, 1, 3), 128, np.uint8)
        again = decode(encode(Image(pixels), format_, quality=100))
        np.testing.assert_allclose(again.pixels, pixels, atol=1 if format_ == "jpeg" else 0)

    def test_format_is_the_one_it_came_in(self, photograph: Pixels) -> None:
        for format_ in FORMATS:
            assert decode(encode(Image(photograph, format=format_))).format == format_

    @pytest.mark.parametrize("format_", ["jpeg", "webp", "avif"])
    def test_more_quality_takes_more_bytes(self, format_: Format, photograph: Pixels) -> None:
        sizes = [len(encode(Image(photograph), format_, quality=at)) for at in (10, 50, 90, 100)]
        assert sizes == sorted(set(sizes))

    @pytest.mark.parametrize("quality", [-1, 0, 101])
    def test_quality_outside_1_to_100_is_refused(self, quality: int, photograph: Pixels) -> None:
        with pytest.raises(ParameterError, match=f"quality is {quality}; expected 1 to 100"):
            encode(Image(photograph), quality=quality)

    @pytest.mark.parametrize("format_", ["jpeg", "webp", "avif"])
    def test_sixteen_bits_into_an_8_bit_format_are_refused(self, format_: Format) -> None:
        image = Image(np.zeros((2, 2, 3), np.uint16), greyscale=True)
        with pytest.raises(CannotEncodeError, match="16 bits"):
            encode(image, format_)

    @pytest.mark.parametrize(
        ("format_", "width"), [("jpeg", 65_501), ("webp", 16_384), ("avif", 32_769)]
    )
    def test_side_too_long_for_the_format_is_refused(self, format_: Format, width: int) -> None:
        with pytest.raises(CannotEncodeError, match=f"{width}x1 px"):
            encode(Image(np.zeros((1, width, 3), np.uint8)), format_)

    def test_greyscale_is_the_mean_of_channels_that_moved_apart(self) -> None:
        pixels = np.array([[[10, 10, 12]]], np.uint8)
        assert decode(encode(Image(pixels, greyscale=True))).pixels.tolist() == [[[11, 11, 11]]]


class TestRefusals:
    @pytest.mark.parametrize("format_", ["png", "webp", "tiff", "avif"])
    def test_several_frames_are_refused(self, format_: str, photograph: Pixels) -> None:
        frames = [PillowImage.fromarray(frame) for frame in (photograph, 255 - photograph)]
        data = save(frames[0], format_, save_all=True, append_images=frames[1:])
        with pytest.raises(UnsupportedImageError, match=f"{format_.upper()}.*more than one frame"):
            decode(data)

    def test_phone_jpeg_with_a_second_picture_behind_it_gives_the_photograph(
        self, photograph: Pixels
    ) -> None:
        depth = PillowImage.fromarray(photograph[::2, ::2, 0])
        plain = PillowImage.fromarray(photograph)
        image = decode(save(plain, "mpo", save_all=True, append_images=[depth]))
        assert image.format == "jpeg"
        np.testing.assert_array_equal(image.pixels, decode(save(plain, "jpeg")).pixels)
        assert encode(image)[:2] == b"\xff\xd8"

    @pytest.mark.parametrize("format_", ["gif", "bmp", "ppm", "ico"])
    def test_other_formats_are_refused(self, format_: str, photograph: Pixels) -> None:
        with pytest.raises(UnsupportedImageError, match="png, jpeg, webp, tiff, avif"):
            decode(save_pixels(photograph, format_))

    def test_lab_colour_is_refused(self) -> None:
        with pytest.raises(UnsupportedImageError, match="LAB"):
            decode(save(PillowImage.new("LAB", (2, 2)), "tiff"))

    @pytest.mark.parametrize("format_", FORMATS)
    def test_pixels_beyond_the_limit_are_refused(self, format_: Format) -> None:
        data = save(PillowImage.new("RGB", (20, 10)), format_)
        assert decode(data, max_pixels=200).pixels.shape == (10, 20, 3)
        with pytest.raises(ImageTooLargeError, match="20x10") as caught:
            decode(data, max_pixels=199)
        assert caught.value.got_megapixels == pytest.approx(0.0002)
        assert caught.value.limit_megapixels == pytest.approx(0.000199)


def test_damaged_exif_is_a_named_error(photograph: Pixels) -> None:
    for format_ in ("png", "jpeg", "webp"):
        with pytest.raises(BrokenImageError, match=r"EXIF data are damaged.*not a TIFF header"):
            decode(save_pixels(photograph, format_, exif=b"Exif\0\0rubbish"))


@pytest.mark.parametrize("format_", FORMATS)
def test_size_is_read_from_the_header_alone(photograph: Pixels, format_: Format) -> None:
    data = save_pixels(photograph, format_)
    needed = {"jpeg": 0.5, "png": 0.1, "webp": 0.1}.get(format_, 1)  # of others Pillow wants all

    assert read_size(data[: round(len(data) * needed)]) == (60, 48)


def test_size_beyond_the_limit_is_refused_before_decoding(photograph: Pixels) -> None:
    with pytest.raises(ImageTooLargeError):
        read_size(save_pixels(photograph, "png"), max_pixels=60 * 48 - 1)


def test_size_of_what_is_no_picture_is_refused() -> None:
    with pytest.raises(UnsupportedImageError):
        read_size(b"text")
