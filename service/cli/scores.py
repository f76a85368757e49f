"""The scores of many pictures: their summary, and tables of them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

from service.cli.pictures import read_picture
from service.cli.place import Service
from service.client import BatchSummary, Evaluation, FigureSummary, Pair, PictureScores, Score
from sharpening.evaluation import summarise

_COLUMNS = {
    "input": "blurred input",
    "student": "student",
    "teacher": "teacher",
    "student_vs_teacher": "student against teacher",
}
_METRICS = ("psnr", "ssim", "ssim_gaussian", "psnr_y")

_Statistic = Literal["mean", "median", "min"]


def score_pair(service: Service, pair: Pair) -> PictureScores:
    """Return the scores of a pair; raises `ImageError` for a file that cannot be read."""
    reference, image = (
        source if source is None or isinstance(source, bytes) else read_picture(Path(source))
        for source in (pair.reference, pair.image)
    )
    assert reference is not None
    return PictureScores(name=pair.name, **dict(service.evaluate(reference, image)))


def summarise_batch(judged: Sequence[PictureScores], total: int) -> BatchSummary:
    """Return each figure over the pictures that were judged, of `total`."""
    scores: dict[str, dict[str, FigureSummary]] = {}
    for column in _COLUMNS:
        present = [score for each in judged if (score := getattr(each, column)) is not None]
        if present:
            scores[column] = {metric: _summarise(present, metric) for metric in _METRICS}
    return BatchSummary(count=len(judged), failed=total - len(judged), scores=scores)


def format_scores(judged: Sequence[PictureScores], summary: BatchSummary) -> str:
    """Return a Markdown table of PSNR and SSIM: a row a picture, and one of the means."""
    rows = [(each.name, _cells(each, summary)) for each in judged]
    return _tabulate([*rows, ("**mean**", _statistics(summary, "mean"))], summary)


def format_summary(summary: BatchSummary) -> str:
    """Return a Markdown table of mean, median and least PSNR and SSIM."""
    rows = [(statistic, _statistics(summary, statistic)) for statistic in get_args(_Statistic)]
    return _tabulate(rows, summary)


def format_line(judged: PictureScores) -> str:
    """Return one picture's PSNR and SSIM in a line."""
    cells = (
        f"{title} {_format(score.psnr, score.ssim)}"
        for column, title in _COLUMNS.items()
        if (score := _get(judged, column)) is not None
    )
    return f"{judged.name}: {', '.join(cells)}"


def _summarise(scores: Sequence[Score], metric: str) -> FigureSummary:
    summary = summarise([getattr(score, metric) for score in scores])
    return FigureSummary.model_validate(summary.model_dump())


def _tabulate(rows: Iterable[tuple[str, Sequence[str]]], summary: BatchSummary) -> str:
    titles = [_COLUMNS[column] for column in summary.scores]
    lines = [
        _join("PSNR / SSIM", titles),
        "|---" * (len(titles) + 1) + "|",
        *(_join(name, cells) for name, cells in rows),
    ]
    return "\n".join(lines)


def _join(name: str, cells: Sequence[str]) -> str:
    return "| " + " | ".join([name.replace("|", "\\|"), *cells]) + " |"


def _cells(judged: PictureScores, summary: BatchSummary) -> list[str]:
    scores = (_get(judged, column) for column in summary.scores)
    return ["" if score is None else _format(score.psnr, score.ssim) for score in scores]


def _statistics(summary: BatchSummary, statistic: _Statistic) -> list[str]:
    return [
        _format(getattr(figures["psnr"], statistic), getattr(figures["ssim"], statistic))
        for figures in summary.scores.values()
    ]


def _get(judged: Evaluation, column: str) -> Score | None:
    score: Score | None = getattr(judged, column)
    return score


def _format(psnr: float | None, ssim: float | None) -> str:
    """Return both figures; identical pictures have no PSNR."""
    first = "none" if psnr is None else f"{psnr:.2f}"
    second = "none" if ssim is None else f"{ssim:.4f}"
    return f"{first} / {second}"
