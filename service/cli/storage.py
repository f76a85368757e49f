"""Folders on this machine or in object storage, asked alike: a path, `s3://`, `gs://` and others.

Never holds the names of more than one folder at a time, and never looks into a file.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from sharpening.errors import ImageError, ParameterError
from sharpening.files import remove_leftovers, write_atomically


@dataclass(frozen=True)
class Folder:
    """A folder by its path or URL; credentials come from where the storage's own tools find them.

    It may be handed to other processes and machines.
    """

    url: str

    def join(self, name: str) -> str:
        """Return how to call a file of it for people."""
        return f"{self.url.rstrip('/')}/{name}"

    def holds(self, other: "Folder") -> bool:
        """Return whether the other is this folder or below it."""
        (here, root), (there, inner) = _open(self.url), _open(other.url)
        return here == there and f"{inner}/".startswith(f"{root}/")

    def walk(self, *, outside: "Folder | None" = None) -> Iterator[tuple[str, list[str]]]:
        """Yield each folder of the tree, by its path within this one, and the names of its files.

        Hidden ones and what is below `outside` are left out. Raises `OSError` for a folder that
        cannot be listed.
        """
        system, root = _open(self.url)
        left_out = None if outside is None else _open(outside.url)[1]
        for path, folders, files in system.walk(root, detail=True, on_error="raise"):
            here = path.rstrip("/")
            kept = [
                (name, entry)
                for name, entry in sorted(folders.items())
                if not name.startswith(".") and f"{here}/{name}" != left_out
            ]
            folders.clear()  # what is taken out is not gone into
            folders.update(kept)
            names = [name for name in files if name and not name.startswith(".")]
            yield here.removeprefix(root).lstrip("/"), sorted(names)

    def list_names(self, inside: str) -> set[str]:
        """Return the names of all that lies directly in one folder of the tree, if it is there."""
        system, root = _open(self.url)
        with suppress(FileNotFoundError):
            paths: list[str] = system.ls(f"{root}/{inside}".rstrip("/"), detail=False)
            return {path.rstrip("/").rpartition("/")[2] for path in paths}
        return set()

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; raises `ImageError` if it cannot be read."""
        system, root = _open(self.url)
        try:
            data: bytes = system.cat_file(f"{root}/{name}")
        except OSError as error:
            raise ImageError(f"{name} cannot be read: {error.strerror or error}") from error
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all; raises `OSError` if that cannot be done."""
        system, root = _open(self.url)
        path = f"{root}/{name}"
        if isinstance(system, LocalFileSystem):
            write_atomically(Path(path), data)
        else:  # which shows an object only once it is whole
            system.pipe_file(path, data)

    def remove_leftovers(self, inside: str, *, older_than_s: float) -> None:
        """Remove from one folder of the tree what writers that were killed left there."""
        system, root = _open(self.url)
        if isinstance(system, LocalFileSystem):
            remove_leftovers(Path(root) / inside, older_than_s=older_than_s)


def open_folder(url: str) -> Folder:
    """Return the folder; raises `ParameterError` for a kind of storage that is not there."""
    folder = Folder(url)
    try:
        _open(url)
    except (ImportError, ValueError) as error:
        raise ParameterError(f"{url} cannot be used: {error}") from error
    return folder


def _open(url: str) -> tuple[Any, str]:
    """Return the file system, which fsspec keeps, and the path in it; listings are always fresh."""
    system, root = url_to_fs(url, use_listings_cache=False)
    return system, root.rstrip("/")
