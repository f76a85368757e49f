"""The scores of many pictures: one after the other, summed up, and in tables."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

from service.client import BatchSummary, Score, Scores, ScoreSummary
from sharpening import metrics
from sharpening.evaluation import summarise_scores

_TITLES = {
    "input": "blurred input",
    "student": "student",
    "teacher": "teacher",
    "student_vs_teacher": "student against teacher",
}

_Statistic = Literal["mean", "median", "min"]

Summaries = Mapping[str, ScoreSummary]
"""By what was scored: the names of the fields of `Scores`."""


def summarise(judged: Iterable[Scores]) -> Summaries:
    """Return what each model comes to on all the pictures; those that scored none are left out."""
    columns = [_list_scores(scores) for scores in judged]
    return {
        column: _summarise([scores[column] for scores in columns])
        for column in (columns[0] if columns else ())
    }


def list_summaries(summary: BatchSummary) -> Summaries:
    """Return the summaries that a batch has."""
    found = {column: getattr(summary, column) for column in _TITLES}
    return {column: each for column, each in found.items() if each is not None}


def format_scores(judged: Mapping[str, Scores], summaries: Summaries) -> str:
    """Return a Markdown table of PSNR and SSIM: a row a picture, and one of the means."""
    rows = [
        (name, [_format(score.psnr, score.ssim) for score in _list_scores(scores).values()])
        for name, scores in judged.items()
    ]
    return _tabulate([*rows, ("**mean**", _take(summaries, "mean"))], summaries)


def format_summaries(summaries: Summaries) -> str:
    """Return a Markdown table of mean, median and least PSNR and SSIM."""
    rows = [(statistic, _take(summaries, statistic)) for statistic in get_args(_Statistic)]
    return _tabulate(rows, summaries)


def format_line(name: str, scores: Scores) -> str:
    """Return one picture's PSNR and SSIM in a line."""
    cells = (
        f"{_TITLES[column]} {_format(score.psnr, score.ssim)}"
        for column, score in _list_scores(scores).items()
    )
    return f"{name}: {', '.join(cells)}"


def _summarise(scores: Sequence[Score]) -> ScoreSummary:
    """Let the core sum up, which has the same figures under types of its own."""
    figures = [metrics.Score(**score.model_dump()) for score in scores]
    return ScoreSummary.model_validate(summarise_scores(figures).model_dump())


def _list_scores(scores: Scores) -> dict[str, Score]:
    """Return the scores that are there, in the order of the columns."""
    found = {column: getattr(scores, column) for column in _TITLES}
    return {column: score for column, score in found.items() if score is not None}


def _tabulate(rows: Iterable[tuple[str, Sequence[str]]], summaries: Summaries) -> str:
    titles = [_TITLES[column] for column in summaries]
    lines = [
        _join("PSNR / SSIM", titles),
        "|---" * (len(titles) + 1) + "|",
        *(_join(name, cells) for name, cells in rows),
    ]
    return "\n".join(lines)


def _join(name: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join([name.replace("|", "\\|"), *cells]) + " |"


def _take(summaries: Summaries, statistic: _Statistic) -> list[str]:
    return [
        _format(getattr(each.psnr, statistic), getattr(each.ssim, statistic))
        for each in summaries.values()
    ]


def _format(psnr: float | None, ssim: float | None) -> str:
    """Return both figures; identical pictures have no PSNR."""
    first = "none" if psnr is None else f"{psnr:.2f}"
    second = "none" if ssim is None else f"{ssim:.4f}"
    return f"{first} / {second}"
