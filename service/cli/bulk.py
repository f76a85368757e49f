"""Any number of pictures from one folder to another, here or in object storage.

Goes through the folders one at a time and keeps a bounded number of pictures under way, so that
memory does not grow with their number. What is there already is left alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from service.cli.pictures import SUFFIXES, name_output
from service.cli.place import Service
from service.cli.storage import Folder
from service.client import SharpenOptions
from sharpening.codec import Format
from sharpening.errors import ParameterError

_ABANDONED_S = 3600.0
"""What is older was left by a process that was killed: no write takes that long."""


@dataclass(frozen=True)
class Errand:
    """A picture by its path in the one folder, its path in the other, and its format there.

    A format of None is the one that the picture comes in.
    """

    source: str
    output: str
    format: Format | None


@dataclass(frozen=True)
class Bulk:
    """From where to where, and how; may be handed to other processes and machines."""

    source: Folder
    target: Folder
    format: Format | None
    options: SharpenOptions
    force: bool = False

    def sharpen(self, errand: Errand, service: Service) -> None:
        """Sharpen one picture; raises what `service.sharpen` does and `OSError` while writing."""
        wanted = self.options
        if errand.format is not None:
            wanted = SharpenOptions(**wanted, format=errand.format)
        sharpened = service.sharpen(self.source.read(errand.source), **wanted)
        self.target.write(errand.output, sharpened.data)

    def describe(self, errand: Errand) -> str:
        """Return how to call the picture for people."""
        return self.source.join(errand.source)


class Plan:
    """What is to be done, found out while it is being done."""

    def __init__(self, bulk: Bulk) -> None:
        """Raises `ParameterError` where the pictures would be replaced by what becomes of them."""
        self._bulk = bulk
        self.already_there = 0
        if bulk.target.holds(bulk.source):
            raise ParameterError(
                f"{bulk.target.url} holds the pictures themselves: give another folder"
            )

    def __iter__(self) -> Iterator[Errand]:
        """Yield an errand for each picture that is not there yet.

        Raises `ParameterError` when two would have one name, and `OSError` for a folder that cannot
        be listed.
        """
        bulk = self._bulk
        for inside, names in bulk.source.walk(outside=bulk.target):
            errands = _plan_folder(inside, names, bulk.format)
            if not errands:
                continue
            bulk.target.remove_leftovers(inside, older_than_s=_ABANDONED_S)
            there = set() if bulk.force else bulk.target.list_names(inside)
            for name, errand in errands.items():
                if name in there:
                    self.already_there += 1
                else:
                    yield errand


def _plan_folder(inside: str, names: list[str], format_: Format | None) -> dict[str, Errand]:
    """Return what becomes of the pictures of one folder, by the names that they will have."""
    errands: dict[str, Errand] = {}
    folder = PurePosixPath(inside)
    for name in names:
        if PurePosixPath(name).suffix.lower() not in SUFFIXES:
            continue
        output, wanted = name_output(PurePosixPath(name), format_)
        errand = Errand(str(folder / name), str(folder / output), wanted)
        other = errands.setdefault(output.name, errand)
        if other is not errand:
            raise ParameterError(
                f"{other.source} and {errand.source} would both become {errand.output}: "
                "sharpen them into different folders"
            )
    return errands
