"""`sharpen batch`: a folder of any size sharpened into another, or two folders scored."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.bulk import Bulk, Errand, Plan
from service.cli.image import add_sharpen_options, choose_options
from service.cli.pictures import pair_pictures
from service.cli.place import add_place_options, open_place
from service.cli.pool import Done, Failed, do_each
from service.cli.report import BulkReport
from service.cli.scores import format_line, format_summaries, list_summaries
from service.cli.storage import open_folder
from service.client import BatchLine, BatchSummary, Pair, PictureFailure

if TYPE_CHECKING:
    from service.settings import Settings

_DESCRIPTION = """Sharpen all pictures below IN into OUT, keeping the tree: folders here, or in
object storage (s3://BUCKET/FOLDER, gs://...). What is in OUT already is left alone, so that after
an interruption the same command goes on where it stopped. Pictures that cannot be sharpened are
named at once and listed at the end. With --score, IN has sharp pictures and OUT the same blurred: a
line for each as soon as it is scored, in no order, and a summary at the end."""

Outcomes = Iterator[Done[Errand, None] | Failed[Errand]]


def run(arguments: Sequence[str]) -> int:
    """Sharpen or score; returns 1 if any picture failed."""
    parser = _build_parser()
    options = parser.parse_args(arguments)
    if options.ray is not None and options.url is not None:
        parser.error("give either --ray or --url: the work is done in one place")
    return _score(options) if options.score else _sharpen(options)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sharpen batch", description=_DESCRIPTION)
    parser.add_argument("input", metavar="IN", help="a folder: its path, or a URL")
    parser.add_argument("output", metavar="OUT", help="a folder: its path, or a URL")
    parser.add_argument("--score", action="store_true", help="compare instead of sharpening")
    parser.add_argument("--json", action="store_true", help="with --score: print lines of JSON")
    add_sharpen_options(parser)
    add_place_options(parser)
    parser.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="work on a Ray cluster: at this address, else where RAY_ADDRESS says, else on this "
        "machine; SHARPEN_RAY_CPUS and SHARPEN_RAY_GPUS are for each picture, and all its machines "
        "must see the folders",
    )
    return parser


def _sharpen(options: argparse.Namespace) -> int:
    source, target = open_folder(options.input), open_folder(options.output)
    bulk = Bulk(source, target, options.format, choose_options(options), options.force)
    plan = Plan(bulk)
    with BulkReport("sharpening") as report:
        for outcome in _sharpen_all(plan, bulk, options):
            if isinstance(outcome, Failed):
                report.add_failed(f"{bulk.describe(outcome.item)}: {outcome.error}")
            else:
                report.add_done()
        report.conclude(f"{report.done} sharpened, {plan.already_there} already there")
    return 1 if report.failed else 0


def _sharpen_all(errands: Iterable[Errand], bulk: Bulk, options: argparse.Namespace) -> Outcomes:
    if options.ray is not None:
        from service.ray.bulk import do_each_on_cluster

        settings = _read_settings(options)
        yield from do_each_on_cluster(errands, bulk.sharpen, settings, address=options.ray)
        return
    with open_place(options) as place:
        work = partial(bulk.sharpen, service=place.service)
        yield from do_each(errands, work, jobs=place.jobs)


def _score(options: argparse.Namespace) -> int:
    pairing = pair_pictures(Path(options.input), Path(options.output))
    for name in pairing.lonely:
        print(f"{name}: not in {options.output}", file=sys.stderr)
    failed = bool(pairing.lonely)
    for line in _score_all(pairing.pairs, options):
        failed |= isinstance(line, PictureFailure)
        print(line.model_dump_json() if options.json else _format(line), flush=True)
    return 1 if failed else 0


def _score_all(pairs: Sequence[Pair], options: argparse.Namespace) -> Iterator[BatchLine]:
    if options.ray is not None:
        from service.cli.local import judge_pair, open_local
        from service.ray.bulk import do_each_on_cluster

        settings = _read_settings(options)
        with open_local(settings) as local:
            each = partial(
                do_each_on_cluster, work=judge_pair, settings=settings, address=options.ray
            )
            yield from local.evaluate_batch(pairs, each=each)
        return
    with open_place(options) as place:
        yield from place.service.evaluate_batch(pairs)


def _read_settings(options: argparse.Namespace) -> "Settings":
    from service.cli.environment import read_settings

    return read_settings({} if options.weights is None else {"weights_dir": options.weights})


def _format(line: BatchLine) -> str:
    match line:
        case BatchSummary():
            counts = f"{line.pictures - line.errors} scored, {line.errors} failed"
            return f"{counts}\n\n{format_summaries(list_summaries(line))}"
        case PictureFailure():
            return f"{line.name}: {line.problem.title}: {line.problem.detail}"
        case _:
            return format_line(line.name, line)
