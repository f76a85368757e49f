"""A spool leaves no name on the disk, says so when that is full, and is not read without bound."""

import errno
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from service.batches.spool import MOST_BYTES_AT_ONCE, Spool
from service.errors import TooBusyError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_what_is_written_can_be_read_and_has_no_name(folder: Path) -> None:
    with Spool() as spool:
        spool.append(b"abc")
        spool.append(bytes(100_000))
        spool.finish()
        assert list(folder.iterdir()) == []
        assert spool.read_range(1, 4) == b"bc\0\0"
        spool.seek(0)
        assert spool.read(3) == b"abc"
        assert len(spool.read()) == 100_000


def test_nothing_is_read_after_the_end() -> None:
    with Spool() as spool:
        spool.append(b"abc")
    with pytest.raises(ValueError, match="closed"):
        spool.read_range(0, 1)


@pytest.mark.parametrize("size", [-1, MOST_BYTES_AT_ONCE + 1, 1 << 40])
def test_more_than_a_little_at_once_is_refused(size: int) -> None:
    with Spool() as spool:
        spool.append(bytes(MOST_BYTES_AT_ONCE + 1))
        spool.seek(0)
        with pytest.raises(ValueError, match="at once"):
            spool.read(size)


@pytest.mark.parametrize("act", [lambda spool: spool.append(b"abc"), Spool.finish])
def test_a_full_disk_is_told_as_too_much_to_do(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[Spool], None]
) -> None:
    class Full:
        def write(self, _: bytes) -> None:
            raise OSError(errno.ENOSPC, "no space left on device")

        def flush(self) -> None:
            self.write(b"")

        def close(self) -> None:
            pass

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    with Spool() as spool, pytest.raises(TooBusyError, match="disk"):
        act(spool)
