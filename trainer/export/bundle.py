"""From a run folder into `weights/`: the only way there."""

import hashlib
import logging
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue

from sharpening.engine import Engine
from sharpening.errors import TrainingError
from sharpening.evaluation import ScoreSummary
from sharpening.files import write_atomically
from sharpening.golden import encode_golden, name_golden
from sharpening.runtimes import choose_runtime
from sharpening.weights import (
    Card,
    Precision,
    Weights,
    convert_tensors,
    encode_weights,
    load_weights,
)
from trainer.export.golden import make_golden
from trainer.export.graph import build_graph
from trainer.export.modelcard import insert_card, write_card
from trainer.export.parity import check_graph
from trainer.judging.report import Report, find_sets, judge
from trainer.runs import RunFolder

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Form:
    """How weights are written."""

    precision: Precision | None = None
    """How tensors are stored; nothing for as they are, which is float32 in a run."""
    onnx: bool | None = None
    """Whether there is an ONNX graph; nothing for students alone.

    A student's is small and what CPU servers run; a teacher's is as large as its weights file.
    """


AS_IT_IS = Form()


def export_run(
    run: Path,
    output: Path,
    *,
    judge_on: Path | None,
    device: str = "auto",
    form: Form = AS_IT_IS,
) -> Path:
    """Write the run's finished weights to `output` as `PROFILE-ROLE.safetensors`; return the path.

    `run` is a run folder or a weights file. Beside the weights go the golden pair, the ONNX graph
    if the form has one (else an older one is removed) and the card in `README.md`. Nothing is
    written before all of it is made and the graph is checked against PyTorch.

    Without `judge_on` and another precision the weights file is a copy, byte for byte. With
    `judge_on`, a folder of sharp pictures (or of folders of them), the figures they come to are
    added to its metadata; the file is then another one, with another digest, so a teacher is
    exported before it teaches. Raises `WeightsError` if the run has not finished, its weights do
    not load as the service would load them or the graph fails, and `TrainingError` for a README
    whose markers are no pair.
    """
    source = run if run.is_file() else RunFolder(run).weights_path
    read = load_weights(source)
    weights = _judge(_convert(read, form.precision), judge_on, device)
    changed = weights.card != read.card
    data = encode_weights(weights.tensors, weights.card) if changed else source.read_bytes()
    weights = replace(weights, sha256=hashlib.sha256(data).hexdigest())
    path = name_weights(output, weights.card)
    files = {path: data, **_make_companions(weights, path, form)}
    files[output / "README.md"] = _update_readme(output / "README.md", weights, files)
    for each, content in files.items():
        write_atomically(each, content)
    if name_graph(path) not in files:
        name_graph(path).unlink(missing_ok=True)
    return path


def find_export(run: Path, output: Path) -> Path | None:
    """Return the weights file in `output` that came of the run as it stands, if there is one."""
    finished = load_weights(RunFolder(run).weights_path).card
    path = name_weights(output, finished)
    if not path.exists():
        return None
    exported = load_weights(path).card
    same = (exported.training, exported.created) == (finished.training, finished.created)
    return path if same else None


def name_weights(output: Path, card: Card) -> Path:
    """Return where a weights file of that card lies: `PROFILE-ROLE.safetensors`."""
    return output / f"{card.profile}-{card.role}.safetensors"


def name_graph(weights: Path) -> Path:
    """Return where the ONNX graph of a weights file lies: `NAME.onnx` beside it."""
    return weights.with_suffix(".onnx")


def _convert(weights: Weights, precision: Precision | None) -> Weights:
    """Return the weights in that precision, without the figures that others came to."""
    card = weights.card
    if precision in (None, card.precision):
        return weights
    metrics = {name: value for name, value in card.metrics.items() if name != "sets"}
    card = card.model_copy(update={"precision": precision, "metrics": metrics})
    return replace(weights, card=card, tensors=convert_tensors(weights.tensors, precision))


def _judge(weights: Weights, judge_on: Path | None, device: str) -> Weights:
    card = weights.card
    engine = Engine(choose_runtime(weights, device=device))
    if judge_on is None:
        return weights
    report = judge(find_sets(judge_on), card.degradation, {card.role: engine})
    metrics = {**card.metrics, "sets": _figures(report, card.role)}
    return replace(weights, card=card.model_copy(update={"metrics": metrics}))


def _figures(report: Report, model: str) -> dict[str, JsonValue]:
    return {
        name: {
            "pictures": rows[model].ssim.count,
            **{metric: getattr(rows[model], metric).mean for metric in ScoreSummary.model_fields},
        }
        for name, rows in report.items()
    }


def _make_companions(weights: Weights, path: Path, form: Form) -> dict[Path, bytes]:
    golden = make_golden(weights)
    files = {name_golden(path): encode_golden(golden)}
    if form.onnx or (form.onnx is None and weights.card.role == "student"):
        graph = build_graph(weights)
        checked_with = check_graph(graph, weights, golden)
        logger.info("%s agrees with PyTorch in %s", name_graph(path).name, checked_with)
        files[name_graph(path)] = graph
    return files


def _update_readme(readme: Path, weights: Weights, files: dict[Path, bytes]) -> bytes:
    try:
        text = readme.read_bytes().decode() if readme.exists() else ""
    except UnicodeDecodeError as error:
        raise TrainingError(f"{readme} is no UTF-8 text ({error}): move it away") from error
    name = f"{weights.card.profile}-{weights.card.role}"
    card = write_card(weights, {path.name: data for path, data in files.items()})
    return insert_card(text, name, card).encode()
