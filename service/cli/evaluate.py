"""`sharpen evaluate`: how near to sharp originals the models bring blurred pictures."""

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from pydantic import BaseModel, JsonValue

from service.cli.pictures import Pairing, pair_pictures, read_source
from service.cli.place import Place, Service, add_place_options, open_place
from service.cli.pool import Failed, do_each
from service.cli.report import Report
from service.cli.scores import format_scores, summarise
from service.client import Evaluation, Pair, Scores, ScoreSummary

_DESCRIPTION = """Score the models on pictures whose sharp originals are known: two files, or two
folders whose pictures have the same names. Without IMAGE each reference is blurred as the student's
profile says."""


class Result(BaseModel):
    """What `--json` prints."""

    definition: Mapping[str, str]
    models: Mapping[str, str]
    degradation: Mapping[str, JsonValue] | None
    pictures: Mapping[str, Scores]
    failed: Mapping[str, str]
    summary: Mapping[str, ScoreSummary]


def run(arguments: Sequence[str]) -> int:
    """Score what the arguments name; returns 1 if any picture failed."""
    options = _build_parser().parse_args(arguments)
    pairing = pair_pictures(options.reference, options.image)
    failed = dict.fromkeys(pairing.lonely, f"not in {options.image}")
    with open_place(options) as place:
        judged = _judge_all(pairing, place, failed)
    if options.json:
        print(_gather(judged, failed).model_dump_json(indent=2))
    elif judged:
        print(format_scores(judged, summarise(judged.values())))
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


def _judge_all(pairing: Pairing, place: Place, failed: dict[str, str]) -> dict[str, Evaluation]:
    """Return what was scored by name, in its order, and add to `failed` what could not be."""
    judged: dict[str, Evaluation] = {}
    total = len(pairing.pairs) + len(failed)
    with Report(total, "scoring") as report:
        for name, reason in failed.items():
            report.add_failed(f"{name}: {reason}")
        for outcome in do_each(pairing.pairs, partial(_judge, place.service), jobs=place.jobs):
            name = outcome.item.name
            if isinstance(outcome, Failed):
                failed[name] = str(outcome.error)
                report.add_failed(f"{name}: {outcome.error}")
            else:
                judged[name] = outcome.result
                report.add_done(name)
        report.conclude(f"{len(judged)} of {total} pictures scored")
    return dict(sorted(judged.items()))


def _judge(service: Service, pair: Pair) -> Evaluation:
    image = None if pair.image is None else read_source(pair.image)
    return service.evaluate(read_source(pair.reference), image)


def _gather(judged: Mapping[str, Evaluation], failed: Mapping[str, str]) -> Result:
    """Say once what is the same for all pictures."""
    first = next(iter(judged.values()), None)
    return Result(
        definition=first.definition if first else {},
        models=first.models if first else {},
        degradation=first.degradation if first else None,
        pictures=judged,
        failed=failed,
        summary=summarise(judged.values()),
    )
