"""`sharpen batch`: two folders scored, with a line as soon as a picture is done."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from service.cli.pictures import pair_pictures
from service.cli.place import add_place_options, open_place
from service.cli.scores import format_line, format_summaries, list_summaries
from service.client import BatchLine, BatchSummary, PictureFailure

_DESCRIPTION = """Score the models on a folder of sharp pictures and one of the same pictures
blurred. Prints a line for each as it is done, in no order, and the summary at the end."""


def run(arguments: Sequence[str]) -> int:
    """Score two folders; returns 1 if any picture failed."""
    options = _build_parser().parse_args(arguments)
    pairing = pair_pictures(options.reference, options.image)
    for name in pairing.lonely:
        print(f"{name}: not in {options.image}", file=sys.stderr)
    failed = bool(pairing.lonely)
    with open_place(options) as place:
        for line in place.service.evaluate_batch(pairing.pairs):
            failed |= isinstance(line, PictureFailure)
            print(line.model_dump_json() if options.json else _format(line), flush=True)
    return 1 if failed else 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sharpen batch", description=_DESCRIPTION)
    parser.add_argument("reference", type=Path, metavar="REFERENCE", help="a folder: sharp")
    parser.add_argument("image", type=Path, metavar="IMAGE", help="a folder: blurred")
    parser.add_argument("--json", action="store_true", help="print the lines as JSON")
    add_place_options(parser)
    return parser


def _format(line: BatchLine) -> str:
    match line:
        case BatchSummary():
            counts = f"{line.pictures - line.errors} scored, {line.errors} failed"
            return f"{counts}\n\n{format_summaries(list_summaries(line))}"
        case PictureFailure():
            return f"{line.name}: {line.problem.title}: {line.problem.detail}"
        case _:
            return format_line(line.name, line)
