"""Writing a file so that a reader or a crash never meets half of it."""

import os
import tempfile
import time
from pathlib import Path

_TEMPORARY = ".partial"


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` beside `path`, flush it to the disk, then rename it to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_TEMPORARY)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_leftovers(folder: Path, *, older_than_s: float = 0.0) -> None:
    """Remove what `write_atomically` left in the folder when its process was killed."""
    for leftover in folder.glob(f".*{_TEMPORARY}"):
        if time.time() - leftover.stat().st_mtime >= older_than_s:
            leftover.unlink(missing_ok=True)
