"""The page of the photographs that the shipped weights were trained on: licences and sources.

    python -m benchmarks.credits train.csv > docs/training-photographs.md

Reads a CSV with the columns `file`, `licence` and `source`; what a licence is, its source says.
"""

import csv
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

_FAMILIES = {
    "CC BY-SA": r"CC-BY-SA",
    "CC BY": r"CC-BY",
    "Unsplash": r"Unsplash|README: \"Unsplash",
    "CC0 or public domain": r"CC0|public domain",
    "MIT": r"repo LICENSE: MIT",
    "Pexels": r"Pexels",
    "Pixabay": r"Pixabay",
    "LGPL": r"LGPL",
    "GPL": r"GPL",
    "WTFPL": r"WTFPL",
}
"""By the first that the licence's text begins with."""


def main() -> None:
    """Print the page."""
    with Path(sys.argv[1]).open(encoding="utf-8", newline="") as lines:
        print(write_page(list(csv.DictReader(lines))))


def write_page(rows: Sequence[Mapping[str, str]]) -> str:
    """Return the Markdown page: counts by kind of licence, then every file by licence and source.

    Raises `ValueError` for a licence of no known kind.
    """
    counts = Counter(find_family(row["licence"]) for row in rows)
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        groups[find_family(row["licence"]), _describe(row)].append(row["file"])
    lines = [
        "# Training photographs",
        "",
        f"The shipped weights were trained and validated on {len(rows)} photographs and graphics.",
        "None of them is in this repository. Their licences, as their sources state them:",
        "",
        "| kind of licence | files |",
        "|---|---|",
        *(f"| {family} | {count} |" for family, count in counts.most_common()),
        "",
        "*Printed by* `python -m benchmarks.credits`*, from the list of the files.*",
    ]
    for family, _ in counts.most_common():
        lines += ["", f"## {family}"]
        for (its_family, description), files in sorted(groups.items()):
            if its_family == family:
                lines += ["", f"{description}: {', '.join(f'`{each}`' for each in sorted(files))}."]
    return "\n".join(lines)


def find_family(licence: str) -> str:
    """Return the kind of licence that the text states."""
    for family, beginning in _FAMILIES.items():
        if re.match(beginning, licence):
            return family
    raise ValueError(f"the licence {licence!r} is of no known kind: add it to _FAMILIES")


def _describe(row: Mapping[str, str]) -> str:
    """Return the licence and the package or repository, without the file's place in it."""
    return f"{row['licence']}, from {re.split('[@ ]', row['source'])[0]}"


if __name__ == "__main__":
    main()
