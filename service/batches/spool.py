"""What is left of a large request body while it is worked on: one file on disk without a name.

Names that a client sends never touch the disk, and the file is gone with the process that has it
open, however that ends.
"""

import tempfile
import threading
from typing import IO, Self

from service.disk import telling_of_full_disk

MOST_BYTES_AT_ONCE = 4 * 1024 * 1024
"""The most that one `read` returns: a zip names the size of its own list, and may lie."""


class Spool:
    """A temporary file in the folder that `TMPDIR` names: first written, then read.

    It reads like any binary file, by one thread at a time; `read_range` is for any number of them.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, data: bytes) -> None:
        """Write to the end; raises `TooBusyError` where the disk is full."""
        with telling_of_full_disk():
            self._file.write(data)

    def finish(self) -> None:
        """Write the rest; raises `TooBusyError` where the disk is full."""
        with telling_of_full_disk():
            self._file.flush()

    def read_range(self, start: int, size: int) -> bytes:
        """Return `size` bytes from `start` on."""
        with self._lock:
            self._file.seek(start)
            return self._file.read(size)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; raises `ValueError` for more than `MOST_BYTES_AT_ONCE`."""
        most = MOST_BYTES_AT_ONCE + 1
        data = self._file.read(min(size, most) if size >= 0 else most)
        if len(data) == most:
            raise ValueError(f"more than {MOST_BYTES_AT_ONCE} bytes at once")
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to another place, as in any file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place, as any file does."""
        return self._file.tell()

    def seekable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Give the disk back; any later reading raises `ValueError`."""
        self._file.close()
