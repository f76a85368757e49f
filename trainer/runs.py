"""The run folder: configuration, checkpoint, `metrics.jsonl` and the finished weights."""

import io
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor
from tqdm.auto import tqdm

from sharpening.errors import TrainingError
from sharpening.files import write_atomically
from trainer.config import Schedule

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

    def claim(self, settings: Mapping[str, Any]) -> None:
        """Write the resolved settings down, or check that the run was begun with the same.

        The budget alone may change: the schedule then stretches or shrinks to the new one. Raises
        `TrainingError` if the folder holds another run, or cannot be written.
        """
        path = self.folder / "settings.json"
        text = json.dumps(settings, indent=2, sort_keys=True)
        try:
            begun_with = path.read_text("utf-8") if path.exists() else text
            write_atomically(path, text.encode())
        except OSError as error:
            raise TrainingError(f"cannot write the run folder {self.folder}: {error}") from error
        if _without_budget(json.loads(begun_with)) != _without_budget(json.loads(text)):
            write_atomically(path, begun_with.encode())
            raise TrainingError(
                f"{self.folder} holds a run with other settings (see {path.name}): "
                "choose another run folder, or the settings it was begun with"
            )

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint, whole or not at all."""
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        write_atomically(self.checkpoint_path, buffer.getvalue())

    def load_checkpoint(self) -> dict[str, Any] | None:
        """Return the last checkpoint, or nothing if there is none yet."""
        if not self.checkpoint_path.exists():
            return None
        state: dict[str, Any] = torch.load(
            self.checkpoint_path, map_location="cpu", weights_only=True
        )
        return state

    def log(self, entry: Mapping[str, Any]) -> None:
        """Append a line to `metrics.jsonl`."""
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def _without_budget(settings: dict[str, Any]) -> dict[str, Any]:
    schedule = {**settings["schedule"], "steps": None, "minutes": None}
    return {**settings, "schedule": schedule}


class Journal:
    """Shows a run's progress on a terminal, or as plain lines elsewhere, and logs it."""

    def __init__(self, run: RunFolder, schedule: Schedule) -> None:
        self._run = run
        self._schedule = schedule
        by_steps = schedule.steps is not None
        self._bar = tqdm(
            desc=run.folder.name,
            total=schedule.steps if by_steps else round((schedule.minutes or 0) * 60),
            unit="step" if by_steps else "s",
            disable=None,
        )
        self._shown: dict[str, str] = {}

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
        """Note one step; reads the losses, and so waits for the device, only when it is due."""
        spent = step if self._schedule.steps is not None else int(elapsed_s)
        self._bar.update(min(spent, self._bar.total or spent) - self._bar.n)
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
            logger.info("%s: step %d, %s", self._run.folder.name, step, self._shown)

    def _show(self, **values: str) -> None:
        self._shown.update(values)
        self._bar.set_postfix(self._shown)
