"""A file that is open only while it is read, so that a form may hold thousands of them."""

import io
import os
from pathlib import Path


class PathFile(io.RawIOBase):
    """A readable file that opens when its first byte is wanted and closes after its last."""

    def __init__(self, path: Path) -> None:
        """Raises `OSError` if there is no such file."""
        self._size = path.stat().st_size
        self._path = path
        self._position = 0
        self._file: io.FileIO | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        self._release()
        return self._position

    def readinto(self, buffer: "memoryview[int] | bytearray") -> int:  # type: ignore[override]
        if self._file is None:
            self._file = io.FileIO(self._path)
            self._file.seek(self._position)
        count = self._file.readinto(buffer)
        self._position += count
        if not count:
            self._release()
        return count

    def close(self) -> None:
        self._release()
        super().close()

    def _release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
