"""Damaged, mixed and mislabelled bytes: a named error or a picture, and nothing else.

Of warnings, only those are let pass that Pillow gives on opening a file with damaged EXIF.
"""

import itertools
import zlib

import numpy as np
import pytest

from sharpening.codec import FORMATS, decode, encode
from sharpening.errors import (
    BrokenImageError,
    CannotEncodeError,
    ImageError,
    UnknownFormatError,
    UnsupportedImageError,
)

SIDE_PX = 24
MUTANTS_OF_EACH = 800
"""Of 29 files: 23,200 damaged pictures."""

_EDGES = (b"\0", b"\1", b"\x7f", b"\x80", b"\xff")
_HEADER_BYTES = 300


def test_the_files_are_pictures_before_they_are_damaged(sources: dict[str, bytes]) -> None:
    for name, data in sources.items():
        image = decode(data)
        assert image.pixels.shape in {(24, 20, 3), (20, 24, 3)}, name
        assert image.bit_depth == (16 if " 16" in name else 8), name
        assert image.format == name.split()[0]


def test_every_cut_is_a_named_error_or_the_whole_picture(source: bytes) -> None:
    whole = decode(source).pixels
    for length in {*range(0, len(source), max(1, len(source) // 150)), len(source) - 1}:
        try:
            pixels = decode(source[:length]).pixels
        except ImageError:
            continue
        np.testing.assert_array_equal(pixels, whole, err_msg=f"cut at {length}")


def test_a_cut_in_the_middle_is_called_broken(source: bytes) -> None:
    end = source.find(b"\xff\xd9") if source.startswith(b"\xff\xd8") else len(source)
    with pytest.raises(BrokenImageError, match=r"damaged or incomplete|header is damaged"):
        decode(source[: end * 2 // 3])


def test_random_bytes_after_the_signature_are_a_named_error(source: bytes) -> None:
    generator = np.random.default_rng(2)
    for _ in range(20):
        with pytest.raises(ImageError):
            decode(source[:16] + generator.bytes(200))


def test_zeros_and_ones_after_the_signature_are_a_named_error(source: bytes) -> None:
    for byte in (b"\0", b"\xff"):
        with pytest.raises(ImageError):
            decode(source[:16] + byte * 1000)


@pytest.mark.parametrize("data", [b"", b"\0", b"\0" * 100_000, b"hello", b"<svg/>", b"%PDF-1.7"])
def test_what_is_no_picture_is_of_an_unknown_format(data: bytes) -> None:
    with pytest.raises(UnknownFormatError):
        decode(data)


def test_a_picture_of_apple_is_of_an_unknown_format(sources: dict[str, bytes]) -> None:
    heic = sources["avif"].replace(b"ftypavif", b"ftypmif1").replace(b"avifmif1", b"heicmif1")
    with pytest.raises(UnknownFormatError):
        decode(heic[:16] + b"mif1heic" + heic[40:])


def test_what_stands_behind_a_picture_changes_nothing(sources: dict[str, bytes]) -> None:
    for (first, data), (second, other) in itertools.product(sources.items(), repeat=2):
        if first == "jpeg of a phone":  # which counts from its end
            continue
        np.testing.assert_array_equal(
            decode(data + other).pixels, decode(data).pixels, err_msg=f"{second} behind {first}"
        )


def test_a_picture_inside_another_is_not_looked_for(sources: dict[str, bytes]) -> None:
    for before in (b"GIF89a", b"%PDF-1.7\n", b"PK\3\4", b"<html>", b"\0"):
        for data in sources.values():
            with pytest.raises(UnsupportedImageError):
                decode(before + data)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_mutants_raise_nothing_but_named_errors(sources: dict[str, bytes]) -> None:
    names = list(sources)
    for index, number in itertools.product(range(len(names)), range(MUTANTS_OF_EACH)):
        generator = np.random.default_rng([index, number])
        donor = sources[names[generator.integers(len(names))]]
        mutant = mutate(sources[names[index]], donor, generator)
        try:
            decode_and_encode(mutant, number)
        except Exception as error:
            error.add_note(f"mutant {number} of {names[index]}: {zlib.compress(mutant).hex()}")
            raise


def decode_and_encode(data: bytes, number: int) -> None:
    try:
        image = decode(data)
    except ImageError:
        return
    assert image.pixels.dtype in (np.uint8, np.uint16)
    assert image.pixels.ndim == image.pixels.shape[2] == 3
    assert image.alpha is None or image.alpha.shape == image.pixels.shape[:2]
    for format_ in {image.format, FORMATS[number % len(FORMATS)]}:
        try:
            again = decode(encode(image, format_, quality=50))
        except CannotEncodeError:
            continue
        assert again.pixels.shape == image.pixels.shape


def mutate(data: bytes, donor: bytes, generator: np.random.Generator) -> bytes:
    """Return the bytes changed in one of the ways in which files are damaged, or forged."""
    mutant = bytearray(data)
    reach = min(len(data), _HEADER_BYTES) if generator.random() < 0.6 else len(data)
    place, far = int(generator.integers(reach)), int(generator.integers(len(data)))
    match generator.integers(8):
        case 0 | 1 | 2:
            for position in generator.integers(0, reach, generator.integers(1, 6)):
                mutant[position] = generator.integers(256)
        case 3:
            length = int(generator.choice([1, 2, 4, 8]))
            mutant[place : place + length] = _EDGES[generator.integers(len(_EDGES))] * length
        case 4:
            del mutant[max(1, far) :]
        case 5:
            del mutant[place : place + int(generator.integers(1, 20))]
        case 6:
            mutant[place:place] = data[far : far + int(generator.integers(1, 60))]
        case _:
            mutant[place:] = donor[int(generator.integers(len(donor))) :]
    return bytes(mutant)
