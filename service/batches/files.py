"""The files of a batch and which of them belong together: by name, and never read here."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from service.errors import PairError, TooManyPicturesError
from sharpening.errors import ParameterError

Role = Literal["reference", "image"]


@dataclass(frozen=True)
class File:
    """One file of a batch; `role` is None where it lies beside what a batch is made of."""

    role: Role | None
    name: str
    read: Callable[[], bytes]
    """Returns the file's bytes, or raises what is wrong with it."""


@dataclass(frozen=True)
class Entry:
    """All files of one name."""

    name: str
    references: Sequence[File]
    images: Sequence[File]
    blur: bool
    """Whether there are no images in the whole batch, so that the references are blurred here."""

    def check(self) -> None:
        """Raise `PairError` unless there is one reference and, if not `blur`, one image."""
        found = f"{len(self.references)} references and {len(self.images)} images"
        if not self.references and not self.images:
            raise PairError("the file is neither a reference nor an image")
        if len(self.references) > 1 or len(self.images) > 1:
            raise PairError(f"there are {found} of this name: give each pair a name of its own")
        if not self.references:
            raise PairError("there is an image of this name, and no reference")
        if not self.images and not self.blur:
            raise PairError(
                "there is a reference of this name, and no image: send one, or no images at all "
                "to have all references blurred here"
            )


def pair_files(files: Iterable[File], *, max_pictures: int) -> list[Entry]:
    """Return an entry for every name, in the order of the files.

    Raises `ParameterError` where there is no reference at all and `TooManyPicturesError` for more
    names than `max_pictures`.
    """
    names: dict[str, list[File]] = {}
    for file in files:
        names.setdefault(file.name, []).append(file)
        if len(names) > max_pictures:
            raise TooManyPicturesError(max_pictures)
    roles = {file.role for group in names.values() for file in group}
    if "reference" not in roles:
        raise ParameterError(
            "there is no reference: send files as 'reference', or a zip with a folder 'reference'"
        )
    return [
        Entry(name, _select(group, "reference"), _select(group, "image"), "image" not in roles)
        for name, group in names.items()
    ]


def _select(files: Sequence[File], role: Role) -> list[File]:
    return [file for file in files if file.role == role]
