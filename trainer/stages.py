"""The stages of a run: train the teacher, distil the student, write each one's weights file."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from pydantic import JsonValue

from sharpening.degradation import PROFILES
from sharpening.engine import Engine
from sharpening.errors import TrainingError
from sharpening.evaluation import evaluate, summarise
from sharpening.networks import Network, build_network
from sharpening.runtimes import choose_runtime
from sharpening.runtimes.torch import TorchRuntime, choose_device, restore_tensors
from sharpening.weights import Weights, load_weights
from trainer.config import Config, RunSettings, Schedule, Stage
from trainer.loop import Job, Learner, Validate, create_learner, measure_progress, train
from trainer.patches import Sampler, crop_centre
from trainer.photographs import (
    LeftOut,
    Photograph,
    describe_left_out,
    find_photographs,
    hash_photographs,
    split_photographs,
)
from trainer.provenance import Outcome, find_code_revision, write_weights
from trainer.runs import RunFolder
from trainer.store import Picture, Store
from trainer.tasks import Distillation, Restoration, Task

logger = logging.getLogger(__name__)

Role = Literal["teacher", "student"]


@dataclass(frozen=True)
class Place:
    """Where a stage runs and what it reads: all that is not part of the recipe."""

    photographs: Path
    run: Path
    store: Path
    device: str = "auto"


@dataclass(frozen=True)
class Origins:
    """The weights files that a network is made from."""

    teacher: Weights | None = None
    start: Weights | None = None


def train_teacher(config: Config, place: Place, *, start_from: Path | None = None) -> Path:
    """Train the teacher on the photographs; return its weights file in the run folder.

    `start_from` is a weights file of the same architecture whose numbers are taken up. A run that
    was stopped goes on where it was; a finished one is left as it is.
    """
    origins = Origins(start=_load(start_from))
    return _TrainingRun("teacher", config.teacher, config, place, origins).finish()


def distil_student(
    config: Config, place: Place, *, teacher: Path | None, start_from: Path | None = None
) -> Path:
    """Train the student, with the teacher of that weights file or, without one, from truth alone.

    Returns the student's weights file in the run folder; see `train_teacher`. Raises
    `TrainingError` for a file that is no teacher of the same degradation.
    """
    origins = Origins(_load(teacher), _load(start_from))
    _check_teacher(origins.teacher, config)
    return _TrainingRun("student", config.student, config, place, origins).finish()


@dataclass(frozen=True)
class _TrainingRun:
    role: Role
    stage: Stage
    config: Config
    place: Place
    origins: Origins

    def finish(self) -> Path:
        found = find_photographs(self.place.photographs)
        photographs = found.photographs
        run = RunFolder(self.place.run)
        settings = self.settings(photographs)
        run.claim(settings)
        if self.is_finished(run):
            logger.info("%s is finished", run.folder)
            return run.weights_path
        code_revision = find_code_revision()  # now: the code on disk may change under a long run
        job, trained_on, unusable = self.prepare(photographs, run)
        learner = self.begin(run)
        figures = train(learner, job)
        outcome = Outcome(
            settings=settings,
            steps=learner.step,
            images_seen=learner.step * self.stage.schedule.batch_size,
            minutes=learner.elapsed_s / 60,
            trained_on=trained_on,
            validation=figures,
            device=choose_device(self.place.device),
            code_revision=code_revision,
        )
        write_weights(run.weights_path, self.role, learner.averaged, outcome)
        left_out = (*found.left_out, *unusable)
        total = len(photographs) + len(found.left_out)
        logger.info("%s", describe_left_out(left_out, total))
        return run.weights_path

    def settings(self, photographs: Sequence[Photograph]) -> RunSettings:
        """Return all that the result depends on; two runs with the same are one run."""
        config, teacher = self.config, self.origins.teacher
        return RunSettings(
            network=self.stage.network,
            schedule=self.stage.schedule,
            seed=config.seed,
            profile=config.profile,
            licence=config.licence,
            data=config.data,
            distillation=config.distillation if teacher else None,
            teacher=teacher.sha256 if teacher else None,
            started_from=_describe(self.origins.start),
            data_hash=hash_photographs(photographs),
        )

    def is_finished(self, run: RunFolder) -> bool:
        """Whether the budget is spent and the weights are of the last step."""
        state = run.load_checkpoint()
        if state is None or not run.weights_path.exists():
            return False
        spent = measure_progress(self.stage.schedule, state["step"], state["elapsed_s"])
        return spent >= 1 and load_weights(run.weights_path).card.training.steps == state["step"]

    def begin(self, run: RunFolder) -> Learner:
        """Return the learner: fresh, with numbers to take up, or as the last checkpoint left it."""
        torch.manual_seed(self.config.seed)
        network = build_network(self.stage.network.architecture, dict(self.stage.network.config))
        if self.origins.start is not None:
            restore_tensors(network, self.origins.start.tensors)
        device = choose_device(self.place.device)
        learner = create_learner(network, self.stage.schedule, device)
        if state := run.load_checkpoint():
            learner.restore(state)
        return learner

    def prepare(
        self, photographs: Sequence[Photograph], run: RunFolder
    ) -> tuple[Job, list[Photograph], tuple[LeftOut, ...]]:
        """Return the job, what it trains on and what cannot be used.

        The photographs are decoded, blurred and, with a teacher, taught. Only usable ones are
        split, so that neither side can come out empty for want of good files.
        """
        data, schedule = self.config.data, self.stage.schedule
        store = Store(self.place.store, PROFILES[self.config.profile])
        loaded = store.load(photographs, patch_px=schedule.patch_px)
        usable = [each for each in photographs if each.sha256 in loaded.pictures]
        training, validation = split_photographs(usable, data.validation_fraction)
        pictures = {each.sha256: loaded.pictures[each.sha256] for each in training}
        judged = [loaded.pictures[each.sha256] for each in validation[: data.validation_pictures]]
        if (teacher := self.origins.teacher) is not None:
            engine = Engine(choose_runtime(teacher, device=self.place.device))
            pictures = store.teach(pictures, engine, teacher.sha256)
        cropped = [crop_centre(each, data.validation_crop_px) for each in judged]
        job = Job(
            task=self.choose_task(),
            sampler=Sampler(
                tuple(pictures.values()), schedule.batch_size, schedule.patch_px, self.config.seed
            ),
            schedule=schedule,
            run=run,
            low_precision=_choose_low_precision(schedule, choose_device(self.place.device)),
            validate=_validator(cropped, self.place.device),
        )
        return job, training, loaded.left_out

    def choose_task(self) -> Task:
        """Return what is learned: from truth alone, or from truth and a teacher."""
        if self.origins.teacher is None:
            return Restoration()
        weights = self.config.distillation
        return Distillation(weights.truth_weight, weights.teacher_weight)


def _choose_low_precision(schedule: Schedule, device: torch.device) -> bool:
    """Whether to compute in bfloat16: where it is wanted and the device does it itself."""
    if schedule.precision == "float32":
        return False
    if device.type == "cuda":
        supported = bool(torch.cuda.is_bf16_supported(including_emulation=False))
    else:
        capabilities = torch.cpu.get_capabilities()
        supported = any(has for name, has in capabilities.items() if "bf16" in name)
    if not supported:
        logger.warning("%s would only emulate bfloat16: training in float32", device)
    return supported


def _validator(pictures: Sequence[Picture], device: str) -> Validate:
    def validate(network: Network) -> dict[str, float]:
        """Mean PSNR and SSIM over the validation crops, as the service would compute them."""
        engine = Engine(TorchRuntime(network, device))
        scores = [
            evaluate(each["sharp"], each["blurred"], {"network": engine})[0].models["network"]
            for each in pictures
        ]
        return {
            "psnr": summarise([each.psnr for each in scores]).mean or 0.0,
            "ssim": summarise([each.ssim for each in scores]).mean or 0.0,
        }

    return validate


def _check_teacher(teacher: Weights | None, config: Config) -> None:
    if teacher is None:
        return
    if teacher.card.role != "teacher" or teacher.card.degradation != PROFILES[config.profile]:
        raise TrainingError(
            f"{teacher.name} cannot teach: it is a {teacher.card.role} of the profile "
            f"{teacher.card.profile!r}; expected a teacher of {config.profile!r}"
        )


def _load(path: Path | None) -> Weights | None:
    return None if path is None else load_weights(path)


def _describe(start: Weights | None) -> dict[str, JsonValue] | None:
    if start is None:
        return None
    return {"sha256": start.sha256, "training": start.card.training.model_dump(mode="json")}
