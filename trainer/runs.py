"""The run folder: settings, checkpoint, `metrics.jsonl`, `sessions.jsonl` and finished weights."""

import fcntl
import io
import json
import logging
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import torch
from pydantic import ValidationError
from torch import Tensor
from tqdm.auto import tqdm

from sharpening.errors import TrainingError
from sharpening.files import remove_leftovers, write_atomically
from trainer.budget import Spent
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

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process's run out of the folder until this one ends, however it ends.

        Raises `TrainingError` if one is at work there, or the folder cannot be written.
        """
        with self._open_lock() as file:
            try:
                # unlike flock's, this lock is not inherited by workers that may outlive the run
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError) as error:
                raise TrainingError(
                    f"another process is training in {self.folder}: wait for it or stop it, or "
                    "choose another run folder"
                ) from error
            remove_leftovers(self.folder)
            yield

    def _open_lock(self) -> IO[bytes]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return (self.folder / ".lock").open("wb")
        except OSError as error:
            raise TrainingError(f"cannot write the run folder {self.folder}: {error}") from error

    def _check_same(self, begun_with: RunSettings, settings: RunSettings) -> None:
        if not begun_with.is_same_run(settings):
            raise TrainingError(
                f"{self.folder} holds a run with other settings (see settings.json): "
                "choose another run folder, or the settings it was begun with"
            )

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint, whole or not at all.

        Raises `TrainingError` if it cannot be written; the one before is then still there.
        """
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        try:
            write_atomically(self.checkpoint_path, buffer.getvalue())
        except OSError as error:
            raise TrainingError(
                f"cannot write the checkpoint of step {state['step']} into {self.folder}: {error}; "
                "the one before it is kept: make room, then give the same command again"
            ) from error

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
        self._append("metrics.jsonl", entry)

    def log_session(self, entry: Mapping[str, Any]) -> None:
        """Append a line to `sessions.jsonl`: with what the run was begun or taken up."""
        self._append("sessions.jsonl", entry)

    def forget_after(self, step: int) -> None:
        """Drop the lines of `metrics.jsonl` that the run will write again, or wrote by half."""
        path = self.folder / "metrics.jsonl"
        if not path.exists():
            return
        kept = [line for line in path.read_bytes().splitlines() if _is_before(line, step)]
        try:
            write_atomically(path, b"".join(line + b"\n" for line in kept))
        except OSError as error:
            raise TrainingError(f"cannot write the run folder {self.folder}: {error}") from error

    def _append(self, name: str, entry: Mapping[str, Any]) -> None:
        try:
            with (self.folder / name).open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise TrainingError(
                f"cannot write {self.folder / name}: {error}; the last checkpoint is kept: make "
                "room, then give the same command again"
            ) from error


def _is_before(line: bytes, step: int) -> bool:
    """Whether it was written before the checkpoint of that step; a validation follows its own."""
    try:
        entry = json.loads(line)
        return bool(entry["step"] < step or (entry["step"] == step and "validation" not in entry))
    except (ValueError, KeyError, TypeError):
        return False


_LINE_EVERY_S = 60.0


class Journal:
    """Shows a run's progress, with what is left of it, and logs its figures.

    On a terminal that is a bar; elsewhere a plain line a minute. A silent one does neither: it
    is for the processes that help the first.
    """

    def __init__(self, run: RunFolder, schedule: Schedule, begun: Spent, *, silent: bool) -> None:
        """`begun` is where the run is taken up."""
        self._run = run
        self._schedule = schedule
        self._silent = silent
        self._unit, spent, total = begun.measure(schedule)
        self._total = round(total)
        self._bar = tqdm(
            desc=run.folder.name,
            total=self._total,
            initial=min(int(spent), self._total),
            unit=self._unit,
            disable=True if silent else None,
        )
        if self._bar.disable and not silent:
            logger.info(
                "%s: training, %d of %d %s", run.folder.name, spent, self._total, self._unit
            )
        self._shown: dict[str, str] = {}
        self._told_at_s = begun.elapsed_s
        self._begun_at = spent, begun.elapsed_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()

    def record(self, spent: Spent, rate: float, losses: Mapping[str, Tensor]) -> None:
        """Note one step; the losses are read only when they are due to be logged."""
        if self._silent:
            return
        _, done, _ = spent.measure(self._schedule)
        if not self._bar.disable:
            self._bar.update(min(int(done), self._total) - self._bar.n)
        elif spent.elapsed_s - self._told_at_s >= _LINE_EVERY_S:
            self._told_at_s = spent.elapsed_s
            self._tell(done, spent.elapsed_s)
        if spent.steps % self._schedule.log_every_steps:
            return
        values = {name: float(value) for name, value in losses.items()}
        noted = {"step": spent.steps, "images": spent.images, "elapsed_s": spent.elapsed_s}
        self._run.log({**noted, "learning_rate": rate, **values})
        self._show(step=str(spent.steps), loss=f"{values['loss']:.5f}")

    def record_validation(self, step: int, figures: Mapping[str, float]) -> None:
        """Note what the averaged network is worth on the validation photographs."""
        if self._silent:
            return
        self._run.log({"step": step, "validation": dict(figures)})
        self._show(psnr=f"{figures['psnr']:.3f}")
        if self._bar.disable:
            logger.info("%s: step %d, validation %s", self._run.folder.name, step, dict(figures))

    def _show(self, **values: str) -> None:
        self._shown.update(values)
        self._bar.set_postfix(self._shown)

    def _tell(self, spent: float, elapsed_s: float) -> None:
        begun_at, begun_at_s = self._begun_at
        left = max(0.0, self._total - spent)
        left_s = (elapsed_s - begun_at_s) / max(1e-9, spent - begun_at) * left
        figures = ", ".join(f"{name} {value}" for name, value in self._shown.items())
        logger.info(
            "%s: %.0f %%, %.0f min left, %s",
            self._run.folder.name,
            min(100.0, 100 * spent / self._total),
            left_s / 60,
            figures,
        )
