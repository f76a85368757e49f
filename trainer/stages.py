"""The stages of a run: train the teacher, distil the student, write each one's weights file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from sharpening.degradation import PROFILES
from sharpening.engine import Engine
from sharpening.evaluation import evaluate, summarise
from sharpening.networks import Network, build_network
from sharpening.runtimes import choose_runtime
from sharpening.runtimes.torch import TorchRuntime, choose_device, restore_tensors
from sharpening.weights import Weights, load_weights
from trainer.config import Config, Stage
from trainer.loop import Job, Validate, create_learner, train
from trainer.patches import Sampler, crop_centre
from trainer.photographs import Photograph, find_photographs, hash_photographs, split_photographs
from trainer.provenance import Outcome, find_code_revision, write_weights
from trainer.runs import RunFolder
from trainer.store import Picture, Store
from trainer.tasks import Distillation, Restoration

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
    was stopped goes on where it was.
    """
    return _Stage("teacher", config, place, Origins(start=_load(start_from))).train()


def distil_student(
    config: Config, place: Place, *, teacher: Path | None, start_from: Path | None = None
) -> Path:
    """Train the student, with the teacher of that weights file or, without one, from truth alone.

    Returns the student's weights file in the run folder; see `train_teacher`.
    """
    return _Stage("student", config, place, Origins(_load(teacher), _load(start_from))).train()


@dataclass(frozen=True)
class _Stage:
    role: Role
    config: Config
    place: Place
    origins: Origins

    @property
    def recipe(self) -> Stage:
        return self.config.teacher if self.role == "teacher" else self.config.student

    def train(self) -> Path:
        photographs = find_photographs(self.place.photographs)
        run = RunFolder(self.place.run)
        settings = self.settings(photographs)
        run.claim(settings)
        code_revision = find_code_revision()  # now: the code on disk may change under a long run
        torch.manual_seed(self.config.seed)
        device = choose_device(self.place.device)
        learner = create_learner(self.begin(), self.recipe.schedule, device)
        if state := run.load_checkpoint():
            learner.restore(state)
        job = self.prepare(photographs, run)
        train(learner, job)
        outcome = Outcome(
            settings=settings,
            steps=learner.step,
            images_seen=learner.step * self.recipe.schedule.batch_size,
            minutes=learner.elapsed_s / 60,
            photographs=len(photographs),
            validation=dict(job.validate(learner.averaged)),
            device=device,
            code_revision=code_revision,
        )
        write_weights(run.weights_path, self.role, learner.averaged, outcome)
        return run.weights_path

    def settings(self, photographs: Sequence[Photograph]) -> dict[str, Any]:
        """Return all that the result depends on; two runs with the same are one run."""
        dumped = self.config.model_dump(mode="json")
        return {
            **self.recipe.model_dump(mode="json"),
            **{name: dumped[name] for name in ("seed", "profile", "licence", "data")},
            "distillation": dumped["distillation"] if self.origins.teacher else None,
            "teacher": self.origins.teacher.sha256 if self.origins.teacher else None,
            "started_from": _describe(self.origins.start),
            "data_hash": hash_photographs(photographs),
        }

    def begin(self) -> Network:
        """Return the network to train: fresh, or with the numbers to take up."""
        network = build_network(self.recipe.network.architecture, dict(self.recipe.network.config))
        start = self.origins.start
        return network if start is None else restore_tensors(network, start.tensors)

    def prepare(self, photographs: Sequence[Photograph], run: RunFolder) -> Job:
        """Return the job: the photographs decoded, blurred, split and, with a teacher, taught."""
        config, schedule = self.config, self.recipe.schedule
        store = Store(self.place.store, PROFILES[config.profile])
        training, validation = split_photographs(photographs, config.data.validation_fraction)
        chosen = validation[: config.data.validation_pictures]
        judged = store.load(chosen, patch_px=schedule.patch_px)
        pictures = store.load(training, patch_px=schedule.patch_px)
        teacher = self.origins.teacher
        if teacher is not None:
            engine = Engine(choose_runtime(teacher, device=self.place.device))
            pictures = store.teach(pictures, engine, teacher.sha256)
        weights = config.distillation
        return Job(
            task=Restoration()
            if teacher is None
            else Distillation(weights.truth_weight, weights.teacher_weight),
            sampler=Sampler(
                tuple(pictures.values()), schedule.batch_size, schedule.patch_px, config.seed
            ),
            schedule=schedule,
            run=run,
            validate=_validator(
                [crop_centre(each, config.data.validation_crop_px) for each in judged.values()],
                self.place.device,
            ),
        )


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


def _load(path: Path | None) -> Weights | None:
    return None if path is None else load_weights(path)


def _describe(start: Weights | None) -> dict[str, Any] | None:
    if start is None:
        return None
    return {"sha256": start.sha256, "training": start.card.training.model_dump(mode="json")}
