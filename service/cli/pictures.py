"""Which files a command means: the pictures of a folder, their outputs, their partners.

Reads no picture but to hand on its bytes, and writes nothing.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TypeVar

from service.client import Pair
from service.client.calls import Source
from sharpening.codec import FORMATS, Format
from sharpening.errors import ImageError, ParameterError

SUFFIXES: dict[str, Format] = {
    **{f".{format_}": format_ for format_ in FORMATS},
    ".jpg": "jpeg",
    ".tif": "tiff",
}
"""How the names of pictures end, in lower case."""

_USUAL_SUFFIXES: dict[Format, str] = {"jpeg": ".jpg"}

AnyPath = TypeVar("AnyPath", bound=PurePath)


@dataclass(frozen=True)
class Pairing:
    """The pairs of two folders, and the references that have no partner."""

    pairs: Sequence[Pair]
    lonely: Sequence[str] = ()


@dataclass(frozen=True)
class Task:
    """A picture to sharpen, where to, and in which format; None is the one it comes in."""

    source: Path
    output: Path
    format: Format | None


def find_pictures(folder: Path, *, outside: Path | None = None) -> list[Path]:
    """Return the pictures below `folder` by their suffixes, in order; hidden ones are left out.

    Those below `outside` are left out too. Raises `OSError` for a folder that cannot be listed.
    """
    return sorted(_walk(folder, None if outside is None else outside.resolve()))


def plan_tasks(inputs: Sequence[Path], output: Path, format_: Format | None) -> list[Task]:
    """Return a task for each file and for each picture below each folder, its tree kept.

    The output of a single file may be a file; else it is a folder. Raises `ParameterError` where
    an output would replace an input, or two would have one name.
    """
    if len(inputs) == 1 and not inputs[0].is_dir() and _is_file_name(output):
        tasks = [Task(inputs[0], output, format_ or SUFFIXES.get(output.suffix.lower()))]
    else:
        tasks = list(_plan_folder(inputs, output, format_))
    _check_outputs(tasks)
    return list(dict.fromkeys(tasks))


def pair_pictures(reference: Path, image: Path | None) -> Pairing:
    """Return the pairs of two files or two folders; without `image`, references alone.

    In folders a reference's partner has its path, or the same but for the suffix. Raises
    `ParameterError` for a file with a folder and where there is no pair at all.
    """
    if image is not None and image.is_dir() != reference.is_dir():
        raise ParameterError(f"{reference} and {image} are a file and a folder: give two of a kind")
    if not reference.is_dir():
        return Pairing([Pair(reference.name, reference, image)])
    names = [path.relative_to(reference) for path in _find_some(reference)]
    if image is None:
        return Pairing([Pair(name.as_posix(), reference / name) for name in names])
    partners = _index(image)
    found = [(name, partners.get(name) or partners.get(name.with_suffix(""))) for name in names]
    pairs = [Pair(name.as_posix(), reference / name, path) for name, path in found if path]
    if not pairs:
        raise ParameterError(f"no picture of {reference} is in {image} under the same name")
    return Pairing(pairs, [name.as_posix() for name, path in found if not path])


def name_output(name: AnyPath, format_: Format | None) -> tuple[AnyPath, Format | None]:
    """Return what a picture is called in that format, and its format; None keeps what it has."""
    own = SUFFIXES.get(name.suffix.lower())
    if format_ is not None and format_ != own:
        name = name.with_suffix(_USUAL_SUFFIXES.get(format_, f".{format_}"))
    return name, format_ or own


def read_picture(path: Path) -> bytes:
    """Return the file's bytes; raises `ImageError` if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path.name} cannot be read: {error.strerror or error}") from error


def read_source(source: Source) -> bytes:
    """Return a picture that is given as bytes or by its path; raises as `read_picture` does."""
    return source if isinstance(source, bytes) else read_picture(Path(source))


def _find_some(folder: Path, *, outside: Path | None = None) -> list[Path]:
    found = find_pictures(folder, outside=outside)
    if not found:
        expected = ", ".join(sorted(SUFFIXES))
        raise ParameterError(f"there are no pictures in {folder}: expected {expected}")
    return found


def _walk(folder: Path, outside: Path | None) -> Iterator[Path]:
    for inner, folders, names in os.walk(folder, onerror=_raise):
        here = Path(inner)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and (here / name).resolve() != outside
        ]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield here / name


def _raise(error: OSError) -> None:
    raise error


def _plan_folder(inputs: Sequence[Path], output: Path, format_: Format | None) -> Iterator[Task]:
    if output.exists() and not output.is_dir():
        raise ParameterError(f"{output} is a file: give a folder for the sharpened pictures")
    for given in inputs:
        if not given.is_dir():
            yield _plan(given, Path(given.name), output, format_)
            continue
        if given.resolve() == output.resolve():
            raise ParameterError(f"{output} holds the pictures themselves: give another folder")
        for path in _find_some(given, outside=output):
            yield _plan(path, path.relative_to(given), output, format_)


def _plan(source: Path, name: Path, output: Path, format_: Format | None) -> Task:
    name, wanted = name_output(name, format_)
    return Task(source, output / name, wanted)


def _check_outputs(tasks: Sequence[Task]) -> None:
    sources: dict[Path, Path] = {}
    for task in tasks:
        if task.output.resolve() == task.source.resolve():
            raise ParameterError(f"{task.output} would replace the picture itself: choose another")
        other = sources.setdefault(task.output, task.source)
        if other != task.source:
            raise ParameterError(
                f"{other} and {task.source} would both become {task.output}: "
                "sharpen them into different folders"
            )


def _index(folder: Path) -> dict[Path, Path]:
    """Return the pictures of a folder by their paths within it, with the suffix and without."""
    pictures = find_pictures(folder)
    index = {path.relative_to(folder).with_suffix(""): path for path in reversed(pictures)}
    return index | {path.relative_to(folder): path for path in pictures}


def _is_file_name(output: Path) -> bool:
    return not output.is_dir() and output.suffix.lower() in SUFFIXES
