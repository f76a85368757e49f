"""`sharpen evaluate`: how near to sharp originals the models bring blurred pictures."""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pydantic import BaseModel

from service.cli.pictures import pair_pictures
from service.cli.place import add_place_options, open_place
from service.cli.pool import Failed, do_each
from service.cli.report import Report
from service.cli.scores import format_scores, score_pair, summarise_batch
from service.client import BatchSummary, PictureScores

_DESCRIPTION = """Score the models on pictures whose sharp originals are known: two files, or two
folders whose pictures have the same names. Without IMAGE each reference is blurred as the student's
profile says."""


class Scores(BaseModel):
    """What `--json` prints."""

    pictures: list[PictureScores]
    failed: dict[str, str]
    summary: BatchSummary


def run(arguments: Sequence[str]) -> int:
    """Score what the arguments name; returns 1 if any picture failed."""
    options = _build_parser().parse_args(arguments)
    pairing = pair_pictures(options.reference, options.image)
    total = len(pairing.pairs) + len(pairing.lonely)
    judged: list[PictureScores] = []
    failed = dict.fromkeys(pairing.lonely, f"not in {options.image}")
    with Report(total, "scoring") as report:
        for name, reason in failed.items():
            report.add_failed(f"{name}: {reason}")
        with open_place(options) as place:
            work = partial(score_pair, place.service)
            for outcome in do_each(pairing.pairs, work, jobs=place.jobs):
                name = outcome.item.name
                if isinstance(outcome, Failed):
                    failed[name] = str(outcome.error)
                    report.add_failed(f"{name}: {outcome.error}")
                else:
                    judged.append(outcome.result)
                    report.add_done(name)
        report.conclude(f"{len(judged)} of {total} pictures scored")
    judged.sort(key=lambda each: each.name)
    summary = summarise_batch(judged, total)
    if options.json:
        print(Scores(pictures=judged, failed=failed, summary=summary).model_dump_json(indent=2))
    elif judged:
        print(format_scores(judged, summary))
    return 1 if failed else 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sharpen evaluate", description=_DESCRIPTION)
    parser.add_argument("reference", type=Path, metavar="REFERENCE", help="sharp: file or folder")
    parser.add_argument(
        "image", type=Path, nargs="?", metavar="IMAGE", help="blurred: file or folder"
    )
    parser.add_argument("--json", action="store_true", help="print every figure, as JSON")
    add_place_options(parser)
    return parser
