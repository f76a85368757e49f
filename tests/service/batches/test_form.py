"""A form is read in pieces of any size, and kept as places in the spool."""

from collections.abc import Iterator

import pytest

from service.batches.form import FormReader, read_part
from service.batches.spool import Spool
from service.errors import BrokenFormError, FileTooLargeError, TooManyPicturesError
from sharpening.errors import ParameterError

TYPE = "multipart/form-data; boundary=xyz"


@pytest.fixture
def spool() -> Iterator[Spool]:
    with Spool() as spool:
        yield spool


def write_part(disposition: str | bytes, data: bytes) -> bytes:
    head = disposition if isinstance(disposition, bytes) else disposition.encode()
    return b"--xyz\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + data + b"\r\n"


FORM = b"".join(
    [
        write_part('name="reference"; filename="a.png"', b"\r\n--xy not the boundary"),
        write_part('name="note"', b"text, which is left out"),
        write_part('filename="\u00e9 b.png"; name="image"', bytes(range(256))),
        write_part(b'name="image"; filename="\xe9.png"', b""),
        b"--xyz--\r\n",
    ]
)


@pytest.mark.parametrize("step", [1, 2, 7, 64, len(FORM)])
def test_files_are_the_same_whatever_the_pieces(spool: Spool, step: int) -> None:
    form = FormReader(TYPE, spool, max_pictures=9)
    for start in range(0, len(FORM), step):
        form.feed(FORM[start : start + step])
    form.finish()

    files = [(part.field, part.name, read_part(spool, part, max_bytes=999)) for part in form.parts]
    assert files == [
        ("reference", "a.png", b"\r\n--xy not the boundary"),
        ("image", "\u00e9 b.png", bytes(range(256))),
        ("image", "\u00e9.png", b""),
    ]


def test_a_picture_that_is_sent_as_text_is_refused(spool: Spool) -> None:
    form = FormReader(TYPE, spool, max_pictures=9)
    with pytest.raises(ParameterError, match="'image' is text: send it as a file"):
        form.feed(write_part('name="image"', b"a.png") + b"--xyz--\r\n")


def test_a_file_over_the_limit_is_not_read(spool: Spool) -> None:
    form = FormReader(TYPE, spool, max_pictures=9)
    form.feed(FORM)
    with pytest.raises(FileTooLargeError, match=r"256 bytes; the limit is 255"):
        read_part(spool, form.parts[1], max_bytes=255)


@pytest.mark.parametrize(
    "form",
    [
        FORM[:-4],
        b"",
        b"no boundary",
        write_part('filename="a"', b"") + b"--xyz--",
        b"--xyz\r\n" + b"A" * 100_000 + b": b\r\n\r\n\r\n--xyz--",
    ],
    ids=["cut off", "empty", "no boundary", "no name", "endless header"],
)
def test_a_broken_form_says_so(spool: Spool, form: bytes) -> None:
    reader = FormReader(TYPE, spool, max_pictures=9)
    with pytest.raises(BrokenFormError):
        _read(reader, form)


@pytest.mark.parametrize("type_", ["multipart/form-data", f"{TYPE}{'z' * 300}"])
def test_a_type_that_cannot_be_read_says_so(spool: Spool, type_: str) -> None:
    with pytest.raises(BrokenFormError):
        FormReader(type_, spool, max_pictures=9)


def test_too_many_files_end_it_at_once(spool: Spool) -> None:
    form = FormReader(TYPE, spool, max_pictures=1)
    with pytest.raises(TooManyPicturesError):
        form.feed(FORM)
    assert len(form.parts) == 2


def _read(reader: FormReader, form: bytes) -> None:
    reader.feed(form)
    reader.finish()
