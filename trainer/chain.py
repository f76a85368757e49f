"""From photographs to weights, tables and a figure in one go: `python -m trainer all`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sharpening.weights import load_weights
from trainer.config import Config
from trainer.export import export_run, find_export
from trainer.judging.comparison import format_tables
from trainer.judging.contest import open_contest
from trainer.judging.figure import check_figure, choose_evenly, write_figure
from trainer.judging.report import check_sets, find_sets, format_table
from trainer.stages import Place, distil_student, find_validation, train_teacher

_SHOWN = 4


@dataclass(frozen=True)
class Chain:
    """All stages of a preset."""

    config: Config
    teacher: Place
    student: Place
    output: Path
    judge_on: Path | None = None
    """Sharp pictures, or sets of them; none: the photographs set aside for validation."""
    figure: Path | None = None


def run_chain(chain: Chain) -> str:
    """Train, distil, export, compare and draw; return the tables and where the weights are.

    What was done before, by the same chain, is not done again. Of several processes the first
    exports and tells; the others return nothing.
    """
    team = chain.teacher.team
    chain.output.mkdir(parents=True, exist_ok=True)
    if chain.judge_on is not None:
        check_sets(find_sets(chain.judge_on))  # now: a bad picture should not show hours later
    if chain.figure is not None:
        check_figure(chain.figure)
    train_teacher(chain.config, chain.teacher)
    teacher = _export(chain, chain.teacher)
    distil_student(chain.config, chain.student, teacher=teacher)
    student = _export(chain, chain.student)
    if not team.is_first:
        return ""
    return f"{_compare(chain, [teacher, student])}\n\n{teacher}\n{student}"


def _export(chain: Chain, place: Place) -> Path:
    path = None
    if place.team.is_first and (path := find_export(place.run, chain.output)) is None:
        # once only: judged again it might be another file, and no longer the student's teacher
        path = export_run(place.run, chain.output, judge_on=chain.judge_on, device=place.device)
    exported: Path = place.team.tell_all(path)
    return exported


def _compare(chain: Chain, weights: Sequence[Path]) -> str:
    """Hold teacher and student against each other; return the tables, and draw the figure."""
    contest = open_contest([load_weights(path) for path in weights], device=chain.student.device)
    sets = _find_judged(chain)
    results = contest.hold(sets)
    if chain.figure is not None:
        pictures = [path for paths in sets.values() for path in paths]
        chosen = choose_evenly(pictures, _SHOWN)
        write_figure(chain.figure, chosen, contest.degradation, contest.choose_shown())
    assert results.comparison is not None
    return f"{format_table(results.sets)}\n\n{format_tables(results.comparison)}"


def _find_judged(chain: Chain) -> Mapping[str, Sequence[Path]]:
    if chain.judge_on is not None:
        return find_sets(chain.judge_on)
    validation = find_validation(chain.config, chain.student)
    return {"validation": [photograph.path for photograph in validation]}
