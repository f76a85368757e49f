"""`sharpen image`: pictures and folders of them, sharpened into a file or a folder."""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from service.cli.pictures import Task, plan_tasks, read_picture
from service.cli.place import Place, add_place_options, open_place
from service.cli.pool import Failed, do_each
from service.cli.report import Report
from service.client import SharpenOptions
from sharpening.codec import FORMATS
from sharpening.files import remove_leftovers, write_atomically

_ABANDONED_S = 3600.0
"""What is older was left by a process that was killed: no write takes that long."""

_DESCRIPTION = """Sharpen pictures, and folders of them with all that is below, keeping the tree.
Pictures that cannot be sharpened are listed at the end. Those whose output is there already are
left alone: after an interruption the same command goes on where it stopped."""


def run(arguments: Sequence[str]) -> int:
    """Sharpen what the arguments name; returns 1 if any picture failed."""
    options = _build_parser().parse_args(arguments)
    tasks = plan_tasks(options.inputs, options.output, options.format)
    waiting = [task for task in tasks if options.force or not task.output.exists()]
    for folder in {task.output.parent for task in waiting if task.output.parent.is_dir()}:
        remove_leftovers(folder, older_than_s=_ABANDONED_S)
    with Report(len(waiting), "sharpening") as report:
        if waiting:  # weights are not loaded for nothing
            with open_place(options) as place:
                _sharpen_all(waiting, place, choose_options(options), report)
        report.conclude(
            f"{len(waiting) - report.failures} sharpened, {len(tasks) - len(waiting)} already there"
        )
    return 1 if report.failures else 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sharpen image", description=_DESCRIPTION)
    parser.add_argument("inputs", type=Path, nargs="+", metavar="IN", help="pictures and folders")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="a folder, or of one a file"
    )
    add_sharpen_options(parser)
    add_place_options(parser)
    return parser


def add_sharpen_options(parser: argparse.ArgumentParser) -> None:
    """Let the user say how pictures are to be sharpened."""
    parser.add_argument("--model", help="student (default), teacher, profile/role or role@digest")
    parser.add_argument(
        "--strength", type=float, help="0 (nothing) to 2; 1, the default, is what the model says"
    )
    parser.add_argument("--format", choices=FORMATS, help="default: by the name, else as it came")
    parser.add_argument("--quality", type=int, metavar="N", help="of lossy formats, 1 to 100")
    parser.add_argument("--force", action="store_true", help="also what is there already")


def choose_options(options: argparse.Namespace) -> SharpenOptions:
    """Return the options that were given."""
    chosen = SharpenOptions()
    if options.model is not None:
        chosen["model"] = options.model
    if options.strength is not None:
        chosen["strength"] = options.strength
    if options.quality is not None:
        chosen["quality"] = options.quality
    return chosen


def _sharpen_all(
    tasks: Sequence[Task], place: Place, options: SharpenOptions, report: Report
) -> None:
    work = partial(_sharpen, place=place, options=options)
    for outcome in do_each(tasks, work, jobs=place.jobs):
        if isinstance(outcome, Failed):
            report.add_failed(f"{outcome.item.source}: {outcome.error}")
        else:
            report.add_done(f"{outcome.item.source} -> {outcome.item.output}")


def _sharpen(task: Task, place: Place, options: SharpenOptions) -> None:
    wanted = options if task.format is None else SharpenOptions(**options, format=task.format)
    sharpened = place.service.sharpen(read_picture(task.source), **wanted)
    write_atomically(task.output, sharpened.data)
