"""The command line of the trainer: one verb a stage, each with `--help`."""

import argparse
import logging
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import torch

from sharpening.errors import SharpeningError, TrainingError
from sharpening.files import write_atomically
from sharpening.memory import keep_freed_memory
from sharpening.weights import Precision, load_weights
from trainer.bench import bench_data, format_rates
from trainer.chain import Chain, run_chain
from trainer.config import Config, Stage, list_presets, load_config, override_budget
from trainer.export import Form, export_run
from trainer.judging.comparison import format_tables
from trainer.judging.contest import open_contest
from trainer.judging.figure import check_figure, choose_evenly, write_figure
from trainer.judging.report import find_sets, format_table
from trainer.limits import allow_open_files
from trainer.loop import Stopped
from trainer.prepare import URL, Source, check_folder, fetch_div2k
from trainer.stages import Place, distil_student, train_teacher
from trainer.team import Team, join_team

Command = Callable[[argparse.Namespace], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status: 0, 1 after an error, 128 + n after signal n."""
    options = _build_parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    keep_freed_memory()
    allow_open_files()
    if getattr(options, "threads", None):
        torch.set_num_threads(options.threads)
    command: Command = options.command
    try:
        with join_team() as team:
            options.team = team
            command(options)
    except (SharpeningError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped by SIGINT; the same command goes on", file=sys.stderr)
        return 128 + signal.SIGINT
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return 128 + stopped.signal_number
    return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _add_prepare(verbs)
    _add_train_teacher(verbs)
    _add_distil(verbs)
    _add_evaluate(verbs)
    _add_export(verbs)
    _add_all(verbs)
    _add_bench_data(verbs)
    return parser


def _add_prepare(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = verbs.add_parser("prepare", help="fetch photographs, or check those that are there")
    inner = verb.add_subparsers(required=True, metavar="WHAT")
    fetch = inner.add_parser("div2k", help="fetch the 900 photographs of DIV2K (4 GB)")
    fetch.add_argument("folder", type=Path, metavar="DIR", help="where they go")
    fetch.add_argument("--url", default=URL, help="where the archives are (default: %(default)s)")
    fetch.add_argument(
        "--sha256",
        type=_digest,
        action="append",
        default=[],
        metavar="ARCHIVE=HEX",
        help="the digest of an archive that is not as it was, as DIV2K_train_HR.zip=9d0b...",
    )
    fetch.set_defaults(command=_fetch_div2k)
    check = inner.add_parser("check", help="tell what is missing, broken, skipped or converted")
    check.add_argument("folder", type=Path, metavar="DIR", help="a folder of photographs")
    check.add_argument(
        "--patch",
        type=_positive,
        default=96,
        metavar="PX",
        help="the patches to train on (default: %(default)s)",
    )
    check.set_defaults(command=_check)


def _add_train_teacher(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = verbs.add_parser("train-teacher", help="train the teacher on a folder of photographs")
    _add_training_options(verb)
    verb.set_defaults(command=_train_teacher)


def _add_distil(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = verbs.add_parser("distill", help="train the student with a teacher")
    _add_training_options(verb)
    source = verb.add_mutually_exclusive_group(required=True)
    source.add_argument("--teacher", type=Path, metavar="FILE", help="an exported teacher")
    source.add_argument(
        "--without-teacher", action="store_true", help="learn from the sharp photographs alone"
    )
    verb.set_defaults(command=_distil)


def _add_evaluate(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = verbs.add_parser("evaluate", help="blur sharp pictures and judge what models restore")
    verb.add_argument("weights", type=Path, nargs="+", metavar="FILE", help="weights files")
    verb.add_argument("--data", type=Path, required=True, help="sharp pictures, or sets of them")
    verb.add_argument("--json", type=Path, metavar="FILE", help="write every figure there as well")
    verb.add_argument(
        "--self-ensemble", action="store_true", help="judge teachers on eight positions as well"
    )
    verb.add_argument(
        "--figure", type=Path, metavar="PNG", help="draw some pictures blurred, restored and sharp"
    )
    verb.add_argument(
        "--figure-pictures", type=_positive, default=4, metavar="N", help="how many (default: 4)"
    )
    _add_machine_options(verb)
    verb.set_defaults(command=_evaluate)


def _add_export(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = verbs.add_parser("export", help="put a finished run's weights where the service looks")
    verb.add_argument("run", type=Path, metavar="RUN", help="the run folder, or a weights file")
    _add_export_options(verb)
    verb.add_argument(
        "--precision",
        choices=get_args(Precision),
        help="how tensors are stored (default: as in RUN, float32 from training)",
    )
    verb.add_argument(
        "--onnx",
        action=argparse.BooleanOptionalAction,
        help="write an ONNX graph as well (default: of students)",
    )
    _add_machine_options(verb)
    verb.set_defaults(command=_export)


def _add_all(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = verbs.add_parser("all", help="train, distil and export in one go")
    _add_recipe_options(verb)
    _add_export_options(verb)
    verb.add_argument("--figure", type=Path, metavar="PNG", help="draw what came of it there")
    _add_machine_options(verb)
    verb.set_defaults(command=_all)


def _add_bench_data(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = verbs.add_parser("bench-data", help="measure how fast patches come and are used")
    _add_source_options(verb)
    verb.add_argument("--store", type=Path, required=True, help="decoded photographs")
    verb.add_argument("--seconds", type=float, default=5.0, help="for each figure (default: 5)")
    _add_machine_options(verb)
    verb.set_defaults(command=_bench_data)


def _add_export_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--output", type=Path, required=True, help="the folder of weights files")
    verb.add_argument("--judge", type=Path, help="sharp pictures to measure the weights on")


def _add_machine_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--device", default="auto", help="auto, cpu or cuda[:N] (default: auto)")
    verb.add_argument("--threads", type=_positive, help="CPU threads (default: all)")


def _add_source_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--preset", required=True, help=f"{', '.join(list_presets())}, or a TOML file"
    )
    verb.add_argument("--data", type=Path, required=True, help="a folder of photographs")
    verb.add_argument("--seed", type=_count, help="another seed than the preset's")
    verb.add_argument("--workers", type=_count, help="processes that draw patches (default: auto)")


def _add_recipe_options(verb: argparse.ArgumentParser) -> None:
    _add_source_options(verb)
    verb.add_argument(
        *("--run", "--run-folder"),  # torchrun takes --run for one of its own options
        type=Path,
        required=True,
        help="the run folder; go on if it is one (--run-folder under torchrun)",
    )
    verb.add_argument("--store", type=Path, help="decoded photographs (default: RUN/store)")


def _add_training_options(verb: argparse.ArgumentParser) -> None:
    _add_recipe_options(verb)
    _add_machine_options(verb)
    verb.add_argument("--start-from", type=Path, metavar="FILE", help="weights to begin with")
    budget = verb.add_mutually_exclusive_group()
    budget.add_argument("--steps", type=int, help="train for this many steps instead")
    budget.add_argument("--minutes", type=float, help="train for this long instead")


def _fetch_div2k(options: argparse.Namespace) -> None:
    fetch_div2k(options.folder, Source(url=options.url, sha256=dict(options.sha256)))


def _check(options: argparse.Namespace) -> None:
    check = check_folder(options.folder, patch_px=options.patch)
    print(check.describe())
    if not check.is_sound:
        raise TrainingError(
            f"something in {options.folder} is missing or broken, see the list: replace it (for "
            "DIV2K, fetch it again)"
        )


def _train_teacher(options: argparse.Namespace) -> None:
    config = _configure(options, "teacher")
    place = _place(options, options.run, options.store)
    print(train_teacher(config, place, start_from=options.start_from))


def _distil(options: argparse.Namespace) -> None:
    config = _configure(options, "student")
    place = _place(options, options.run, options.store)
    print(distil_student(config, place, teacher=options.teacher, start_from=options.start_from))


def _evaluate(options: argparse.Namespace) -> None:
    models = [load_weights(path) for path in options.weights]
    contest = open_contest(models, device=options.device, self_ensemble=options.self_ensemble)
    sets = find_sets(options.data)
    if options.figure is not None:
        check_figure(options.figure)
        shown = contest.choose_shown()
    results = contest.hold(sets)
    print(format_table(results.sets))
    if results.comparison is not None:
        print(f"\n{format_tables(results.comparison)}")
    if options.json is not None:
        write_atomically(options.json, results.model_dump_json(indent=2).encode())
    if options.figure is not None:
        pictures = [path for paths in sets.values() for path in paths]
        chosen = choose_evenly(pictures, options.figure_pictures)
        write_figure(options.figure, chosen, contest.degradation, shown)


def _export(options: argparse.Namespace) -> None:
    form = Form(options.precision, options.onnx)
    path = export_run(
        options.run, options.output, judge_on=options.judge, device=options.device, form=form
    )
    print(path)


def _all(options: argparse.Namespace) -> None:
    store = options.store or options.run / "store"
    places = {role: _place(options, options.run / role, store) for role in ("teacher", "student")}
    chain = Chain(
        _load_config(options),
        teacher=places["teacher"],
        student=places["student"],
        output=options.output,
        judge_on=options.judge,
        figure=options.figure,
    )
    if told := run_chain(chain):
        print(told)


def _bench_data(options: argparse.Namespace) -> None:
    place = _place(options, options.store, options.store)
    rates = bench_data(_load_config(options), place, seconds=options.seconds)
    print(format_rates(rates))


def _place(options: argparse.Namespace, run: Path, store: Path | None) -> Place:
    team: Team = options.team
    device = team.choose_device(options.device)
    return Place(options.data, run, store or run / "store", device, options.workers, team)


def _load_config(options: argparse.Namespace) -> Config:
    config = load_config(options.preset)
    return config if options.seed is None else config.model_copy(update={"seed": options.seed})


def _configure(options: argparse.Namespace, role: str) -> Config:
    """Return the preset with the budget of the command line in place of its own."""
    config = _load_config(options)
    stage: Stage = getattr(config, role)
    stage = override_budget(stage, steps=options.steps, minutes=options.minutes)
    return config.model_copy(update={role: stage})


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


def _digest(text: str) -> tuple[str, str]:
    archive, _, sha256 = text.partition("=")
    if not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise argparse.ArgumentTypeError(f"{text!r} is not ARCHIVE=HEX with 64 digits")
    return archive, sha256
