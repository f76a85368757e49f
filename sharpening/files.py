"""Writing a file so that a reader or a crash never meets half of it."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TEMPORARY = ".partial"


@contextmanager
def replace_when_done(path: Path, *, keep_suffix: bool = False) -> Iterator[Path]:
    """Yield an empty file beside `path` that takes its place in the end, flushed to the disk.

    If anything is raised, it is removed instead. Nobody who looks for files of that kind meets it,
    unless `keep_suffix` lets its name end as that of `path` does, for writers that go by the name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = _TEMPORARY + path.suffix if keep_suffix else _TEMPORARY
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=suffix)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` beside `path`, flush it to the disk, then rename it to `path`."""
    with replace_when_done(path) as temporary:
        temporary.write_bytes(data)


def remove_leftovers(folder: Path, *, older_than_s: float = 0.0) -> None:
    """Remove what was left in the folder when a process that wrote a file was killed."""
    for leftover in folder.glob(f".*{_TEMPORARY}*"):
        if time.time() - leftover.stat().st_mtime >= older_than_s:
            leftover.unlink(missing_ok=True)
