"""The model card in Markdown: what a weights file says of itself, for people to read."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from pydantic import JsonValue, TypeAdapter, ValidationError

from sharpening.degradation import CallDegradation
from sharpening.errors import TrainingError, WeightsError
from sharpening.networks import count_macs_per_px
from sharpening.runtimes.torch import restore_network
from sharpening.weights import Card, Weights

_BEGIN = "<!-- card: {} -->"
_END = "<!-- end card -->"
_ANY_BEGIN = re.compile(r"<!-- card: .* -->")

_Sets = dict[str, dict[str, float | None]]
_SETS: TypeAdapter[_Sets] = TypeAdapter(_Sets)


def write_card(weights: Weights, files: Mapping[str, bytes]) -> str:
    """Return the card of the weights, with the names, sizes and digests of the files given."""
    card = weights.card
    rows = {"model": f"`{weights.name}`", **_describe_network(weights), **_describe_origin(card)}
    parts = [
        f"### `{card.profile}-{card.role}`",
        _format_table(("", ""), rows.items()),
        _format_figures(card),
        _format_table(
            ("file", "bytes", "SHA-256"),
            (
                (f"`{name}`", f"{len(data):,}", f"`{hashlib.sha256(data).hexdigest()}`")
                for name, data in files.items()
            ),
        ),
    ]
    return "\n\n".join(parts)


def insert_card(text: str, name: str, card: str) -> str:
    """Return the text with the card between the name's markers; without those, at its end.

    All other text is left as it is. Raises `TrainingError` if the markers are not a pair.
    """
    begin = _BEGIN.format(name)
    section = f"{begin}\n{card}\n{_END}"
    if begin not in text:
        break_ = "" if text.endswith("\n") else "\n"
        return f"{text}{break_}\n{section}\n" if text else f"# Weights\n\n{section}\n"
    before, _, rest = text.partition(begin)
    inside, end, after = rest.partition(_END)
    if not end or _ANY_BEGIN.search(inside) or begin in after:
        raise TrainingError(
            f"the markers of the card {name!r} are no pair; expected one {begin} with one {_END} "
            "after it: mend the file"
        )
    return before + section + after


def _describe_network(weights: Weights) -> dict[str, str]:
    contract = weights.card.contract
    macs = count_macs_per_px(restore_network(weights))
    return {
        "architecture": f"`{weights.card.architecture}`, {_list(weights.card.config)}",
        "parameters": f"{contract.parameters:,}, stored as {weights.card.precision}",
        "multiply-adds": f"{macs:,.0f} a px",
        "receptive field": f"{contract.receptive_field_px} px to each side; "
        f"sides are padded to multiples of {contract.multiple_of} px",
    }


def _describe_origin(card: Card) -> dict[str, str]:
    training = card.training
    return {
        **_describe_degradation(card),
        "trained": f"{training.steps:,} steps on {training.images_seen:,} patches of "
        f"{training.photographs:,} photographs, {training.minutes:,.0f} minutes, "
        f"seed {training.seed}",
        "begun with": _describe_start(training.recipe),
        "hardware": training.hardware,
        "code revision": f"`{training.code_revision}`",
        "teacher": "none" if card.teacher is None else f"`{card.teacher}`",
        "created": card.created.isoformat(),
        "licence": card.licence,
    }


def _describe_degradation(card: Card) -> dict[str, str]:
    degradation = card.degradation
    entries = degradation.model_dump(mode="json", exclude={"profile", "typical"})
    rows = {"undoes": f"profile `{card.profile}`: {_list(entries)}"}
    if isinstance(degradation, CallDegradation):
        rows["judged on"] = f"{degradation.typical.describe()}; the rest is drawn at random"
    return rows


def _describe_start(recipe: Mapping[str, JsonValue]) -> str:
    start = recipe.get("started_from")
    return f"the weights `{start['sha256']}`" if isinstance(start, dict) else "fresh parameters"


def _format_figures(card: Card) -> str:
    try:
        sets = _SETS.validate_python(card.metrics.get("sets") or {})
    except ValidationError as error:
        raise WeightsError(
            f"the figures of this {card.role} are no numbers by set and metric ({error}): "
            "export it again with --judge"
        ) from error
    if not sets:
        return "Judged on no set of pictures yet: `--judge` does it."
    metrics = list(next(iter(sets.values())))
    rows = (
        (name, *(_format_figure(metric, figures.get(metric)) for metric in metrics))
        for name, figures in sets.items()
    )
    table = _format_table(("set", *metrics), rows)
    return f"Means over the whole pictures of each set; the file's metadata define them.\n\n{table}"


def _format_figure(metric: str, value: float | None) -> str:
    if value is None:
        return "none"
    decimals = 0 if metric == "pictures" else 2 if metric.startswith("psnr") else 4
    return f"{value:.{decimals}f}"


def _format_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_escape(cell) for cell in line)} |" for line in lines)


def _escape(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")


def _list(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())
