"""From a run folder into `weights/`: the only way there."""

from pathlib import Path

from pydantic import JsonValue

from sharpening.engine import Engine
from sharpening.runtimes import choose_runtime
from sharpening.weights import load_weights, save_weights
from trainer.report import Report, Row, find_sets, judge
from trainer.runs import RunFolder


def export_run(run: Path, output: Path, *, judge_on: Path | None, device: str = "auto") -> Path:
    """Write the run's finished weights to `output` as `PROFILE-ROLE.safetensors`; return the path.

    Without `judge_on` that is a copy, byte for byte. With it, a folder of sharp pictures (or of
    folders of them), the figures they come to are added to the card; the file is then another
    one, with another digest, so a teacher is exported before it teaches. Raises `WeightsError` if
    the run has not finished, or its weights do not load as the service would load them.
    """
    weights = load_weights(RunFolder(run).weights_path)
    engine = Engine(choose_runtime(weights, device=device))
    card = weights.card
    metrics = dict(card.metrics)
    if judge_on is not None:
        report = judge(find_sets(judge_on), card.degradation, {card.role: engine})
        metrics["sets"] = _figures(report, card.role)
    path = output / f"{card.profile}-{card.role}.safetensors"
    save_weights(path, weights.tensors, card.model_copy(update={"metrics": metrics}))
    return path


def _figures(report: Report, model: str) -> dict[str, JsonValue]:
    return {
        name: {
            "pictures": rows[model].ssim.count,
            **{metric: getattr(rows[model], metric).mean for metric in Row.model_fields},
        }
        for name, rows in report.items()
    }
