"""The run folder: configuration, checkpoint, `metrics.jsonl` and the finished weights."""

import io
import json
import logging
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from pydantic import ValidationError
from torch import Tensor
from tqdm.auto import tqdm

from sharpening.errors import TrainingError
from sharpening.files import write_atomically
from trainer.config import RunSettings, Schedule

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunFolder:
    """One network's training, on disk."""

    folder: Path

    @property
    def weights_path(self) -> Path:
        """Where the finished network is written, in the form that the service loads."""
        return self.folder / "weights.safetensors"

    @property
    def checkpoint_path(self) -> Path:
        """Where the last checkpoint is."""
        return self.folder / "checkpoint.pt"

    def claim(self, settings: RunSettings) -> None:
        """Write the settings down, or check that the run was begun with the same.

        The budget and how often things are noted may change: the schedule then stretches or
        shrinks to the new one. Raises `TrainingError` if the folder holds another run or a
        damaged one, or cannot be written.
        """
        path = self.folder / "settings.json"
        try:
            if path.exists():
                self._check_same(RunSettings.model_validate_json(path.read_bytes()), settings)
            write_atomically(path, settings.model_dump_json(indent=2).encode())
        except OSError as error:
            raise TrainingError(f"cannot write the run folder {self.folder}: {error}") from error
        except ValidationError as error:
            raise TrainingError(
                f"{path} is damaged or of another version: choose another run folder ({error})"
            ) from error

    def _check_same(self, begun_with: RunSettings, settings: RunSettings) -> None:
        if not begun_with.is_same_run(settings):
            raise TrainingError(
                f"{self.folder} holds a run with other settings (see settings.json): "
                "choose another run folder, or the settings it was begun with"
            )

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint, whole or not at all."""
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        write_atomically(self.checkpoint_path, buffer.getvalue())

    def load_checkpoint(self) -> dict[str, Any] | None:
        """Return the last checkpoint, or nothing if there is none yet.

        Raises `TrainingError` for a damaged one.
        """
        if not self.checkpoint_path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(
                self.checkpoint_path, map_location="cpu", weights_only=True
            )
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise TrainingError(
                f"{self.checkpoint_path} is damaged ({error}): delete it to start over"
            ) from error
        return state

    def log(self, entry: Mapping[str, Any]) -> None:
        """Append a line to `metrics.jsonl`."""
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


_LINE_EVERY_S = 60.0


class Journal:
    """Shows a run's progress, with what is left of it, and logs its figures.

    On a terminal that is a bar; elsewhere a plain line a minute.
    """

    def __init__(self, run: RunFolder, schedule: Schedule, *, step: int, elapsed_s: float) -> None:
        """`step` and `elapsed_s` are where the run is taken up."""
        self._run = run
        self._schedule = schedule
        by_steps = schedule.steps is not None
        self._total = schedule.steps or round((schedule.minutes or 0) * 60)
        self._bar = tqdm(
            desc=run.folder.name,
            total=self._total,
            initial=min(step if by_steps else int(elapsed_s), self._total),
            unit="step" if by_steps else "s",
            disable=None,
        )
        if self._bar.disable:
            logger.info(
                "%s: training, %d of %d %s",
                run.folder.name,
                self._bar.n,
                self._total,
                "steps" if by_steps else "s",
            )
        self._shown: dict[str, str] = {}
        self._told_at_s = elapsed_s
        self._begun_at = self._bar.n, elapsed_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()

    def record(
        self, step: int, elapsed_s: float, rate: float, losses: Mapping[str, Tensor]
    ) -> None:
        """Note one step; the losses are read only when they are due to be logged."""
        spent = min(step if self._schedule.steps is not None else int(elapsed_s), self._total)
        if not self._bar.disable:
            self._bar.update(spent - self._bar.n)
        elif elapsed_s - self._told_at_s >= _LINE_EVERY_S:
            self._told_at_s = elapsed_s
            self._tell(spent, elapsed_s)
        if step % self._schedule.log_every_steps:
            return
        values = {name: float(value) for name, value in losses.items()}
        self._run.log({"step": step, "elapsed_s": elapsed_s, "learning_rate": rate, **values})
        self._show(step=str(step), loss=f"{values['loss']:.5f}")

    def record_validation(self, step: int, figures: Mapping[str, float]) -> None:
        """Note what the averaged network is worth on the validation photographs."""
        self._run.log({"step": step, "validation": dict(figures)})
        self._show(psnr=f"{figures['psnr']:.3f}")
        if self._bar.disable:
            logger.info("%s: step %d, validation %s", self._run.folder.name, step, dict(figures))

    def _show(self, **values: str) -> None:
        self._shown.update(values)
        self._bar.set_postfix(self._shown)

    def _tell(self, spent: int, elapsed_s: float) -> None:
        begun_at, begun_at_s = self._begun_at
        left_s = (elapsed_s - begun_at_s) / max(1, spent - begun_at) * (self._total - spent)
        figures = ", ".join(f"{name} {value}" for name, value in self._shown.items())
        logger.info(
            "%s: %.0f %%, %.0f min left, %s",
            self._run.folder.name,
            100 * spent / self._total,
            left_s / 60,
            figures,
        )
