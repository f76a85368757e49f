"""A multipart form of any number of files, written to a spool while it comes.

Starlette's own parser keeps a file open and up to a megabyte in memory for every part; this one
keeps where each part lies. Never holds more of a form than the piece that it is given.
"""

from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from service.batches.spool import Spool
from service.errors import BrokenFormError, FileTooLargeError, TooManyPicturesError
from sharpening.errors import ParameterError

_FILES = ("reference", "image", "archive")


@dataclass
class Part:
    """A file of the form: its field, its name, and where in the spool it lies."""

    field: str
    name: str
    start: int
    size: int = 0


class FormReader:
    """Takes a form in pieces; afterwards `parts` are its files, in order.

    Fields without a file name are left out. All errors are `BrokenFormError` but the spool's own,
    `TooManyPicturesError` for more than two files for each of `max_pictures`, and `ParameterError`
    for a picture that is not sent as a file.
    """

    def __init__(self, content_type: str, spool: Spool, *, max_pictures: int) -> None:
        self.parts: list[Part] = []
        self._spool = spool
        self._max_pictures = max_pictures
        self._written = 0
        self._part: Part | None = None
        self._header = (bytearray(), bytearray())
        self._disposition = b""
        self._ended = False
        self._parser = _start_parser(content_type, self)

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise BrokenFormError(f"the form cannot be read: {error}") from error

    def finish(self) -> None:
        """Check that the form has come to its end, and write the rest of it."""
        if not self._ended:
            raise BrokenFormError("the form ends before its last boundary: send it again")
        self._spool.finish()

    def on_part_begin(self) -> None:
        """Forget the headers of the part before."""
        self._disposition = b""
        self._part = None

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        """Take a piece of a header's name."""
        self._header[0].extend(data[start:end])

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        """Take a piece of a header's value."""
        self._header[1].extend(data[start:end])

    def on_header_end(self) -> None:
        """Keep the one header that says what the part is."""
        name, value = (bytes(piece) for piece in self._header)
        if name.lower() == b"content-disposition":
            self._disposition = value
        self._header = (bytearray(), bytearray())

    def on_headers_finished(self) -> None:
        """Begin a file, if it is one."""
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise BrokenFormError("a part of the form has no name in its Content-Disposition")
        if b"filename" not in options:
            _refuse_text(_decode(options[b"name"]))
            return
        if len(self.parts) >= 2 * self._max_pictures:
            raise TooManyPicturesError(self._max_pictures)
        field, name = (_decode(options[key]) for key in (b"name", b"filename"))
        self._part = Part(field, name, self._written)
        self.parts.append(self._part)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Write a piece of a file."""
        if self._part is not None:
            self._spool.append(data[start:end])
            self._written += end - start
            self._part.size += end - start

    def on_end(self) -> None:
        """Note that the last boundary has come."""
        self._ended = True


def read_part(spool: Spool, part: Part, *, max_bytes: int) -> bytes:
    """Return a file of the form; raises `FileTooLargeError` for more than `max_bytes`."""
    if part.size > max_bytes:
        raise FileTooLargeError("the file has", size_bytes=part.size, limit_bytes=max_bytes)
    return spool.read_range(part.start, part.size)


def _start_parser(content_type: str, reader: FormReader) -> MultipartParser:
    _, options = parse_options_header(content_type)
    if b"boundary" not in options:
        raise BrokenFormError("the form's Content-Type names no boundary")
    try:
        return MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": reader.on_part_begin,
                "on_header_field": reader.on_header_field,
                "on_header_value": reader.on_header_value,
                "on_header_end": reader.on_header_end,
                "on_headers_finished": reader.on_headers_finished,
                "on_part_data": reader.on_part_data,
                "on_end": reader.on_end,
            },
        )
    except FormParserError as error:
        raise BrokenFormError(f"the form cannot be read: {error}") from error


def _refuse_text(field: str) -> None:
    if field in _FILES:
        raise ParameterError(f"the form's field {field!r} is text: send it as a file")


def _decode(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("latin-1")
