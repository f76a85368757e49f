"""The stages of a run: train the teacher, distil the student, write each one's weights file."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import JsonValue

from sharpening.degradation import PROFILES
from sharpening.engine import Engine
from sharpening.ensemble import SelfEnsemble
from sharpening.errors import TrainingError
from sharpening.evaluation import Sharpener
from sharpening.networks import Network, build_network, move_network
from sharpening.runtimes.torch import (
    TorchRuntime,
    choose_device,
    restore_network,
    restore_tensors,
)
from sharpening.weights import Weights, load_weights
from trainer.config import Config, NameSplit, RunSettings, Schedule, Stage
from trainer.layers import find_layer
from trainer.loop import Job, Learner, create_learner, read_spent, train
from trainer.patches import Sampler, crop_centre
from trainer.photographs import (
    Found,
    LeftOut,
    Photograph,
    describe_left_out,
    find_photographs,
    hash_photographs,
    split_by_name,
    split_photographs,
)
from trainer.provenance import Outcome, describe_session, find_code_revision, write_weights
from trainer.randomness import compute_reproducibly
from trainer.runs import RunFolder
from trainer.store import Store
from trainer.tasks import (
    DISTANCES,
    Distillation,
    Imitation,
    Restoration,
    Task,
    WeighByDamage,
    weigh_equally,
)
from trainer.team import ALONE, Team
from trainer.validation import Validator

logger = logging.getLogger(__name__)

Role = Literal["teacher", "student"]

_MOST_WORKERS = 8


@dataclass(frozen=True)
class Place:
    """Where a stage runs and what it reads: all that is not part of the recipe."""

    photographs: Path
    run: Path
    store: Path
    device: str = "auto"
    workers: int | None = None
    """Processes that draw patches; none: as many as pay on the device."""
    team: Team = ALONE

    @property
    def drawing_workers(self) -> int:
        """On a CPU the cores are the network's; a GPU must not wait for patches."""
        if self.workers is not None:
            return self.workers
        on_gpu = choose_device(self.device).type == "cuda"
        cpus = len(os.sched_getaffinity(0)) // self.team.size_on_machine
        return min(_MOST_WORKERS, max(1, cpus - 1)) if on_gpu else 0


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
    return TrainingRun("teacher", config.teacher, config, place, origins).finish()


def distil_student(
    config: Config, place: Place, *, teacher: Path | None, start_from: Path | None = None
) -> Path:
    """Train the student, with the teacher of that weights file or, without one, from truth alone.

    Returns the student's weights file in the run folder; see `train_teacher`. Raises
    `TrainingError` for a file that is no teacher of the same degradation.
    """
    origins = Origins(_load(teacher), _load(start_from))
    _check_teacher(origins.teacher, config)
    return TrainingRun("student", config.student, config, place, origins).finish()


def set_aside(
    photographs: Sequence[Photograph], config: Config
) -> tuple[list[Photograph], list[Photograph]]:
    """Return the photographs to train on and those to validate on, as the preset splits them."""
    split, pictures = config.data.split, config.data.validation_pictures
    if isinstance(split, NameSplit):
        training, validation = split_by_name(photographs, split.training)
    else:
        training, validation = split_photographs(photographs, split.fraction)
    return training, validation[:pictures]


def find_validation(config: Config, place: Place) -> list[Photograph]:
    """Return the photographs that the student is validated on; all of them can be read."""
    photographs = find_photographs(place.photographs).photographs
    patch_px = config.student.schedule.largest_patch_px
    decoded = Store(place.store, PROFILES[config.profile]).decode(photographs, patch_px=patch_px)
    usable = [each for each in photographs if each.sha256 in decoded.pictures]
    return set_aside(usable, config)[1]


@dataclass(frozen=True)
class TrainingRun:
    """One network's training: what is trained, by which recipe, from what and where."""

    role: Role
    stage: Stage
    config: Config
    place: Place
    origins: Origins

    def finish(self) -> Path:
        """Train to the end, or from where the run was stopped; return the weights file."""
        found = find_photographs(self.place.photographs)
        run = RunFolder(self.place.run)
        if not self.place.team.is_first:
            self.train(found, run)
            return run.weights_path
        with run.locked():
            run.claim(self.settings(found.photographs))
            self.train(found, run)
        return run.weights_path

    def train(self, found: Found, run: RunFolder) -> None:
        """Take up the run where its checkpoint is, and write the weights at its end."""
        team = self.place.team
        compute_reproducibly(choose_device(self.place.device))
        for batch_size in self.stage.schedule.batch_sizes:
            team.share_batch(batch_size)  # now: a later phase should not fail hours later
        team.check_agreed("the photographs", hash_photographs(found.photographs))
        state = team.tell_all(run.load_checkpoint() if team.is_first else None)
        if team.tell_all(team.is_first and self.is_finished(run, state)):
            logger.info("%s is finished", run.folder)
            return
        code_revision = find_code_revision()  # now: the code on disk may change under a long run
        job, trained_on, unusable = self.prepare(found.photographs, run)
        learner = self.begin(state, photographs=len(trained_on))
        if team.is_first:
            run.forget_after(learner.spent.steps)
            run.log_session(describe_session(code_revision, learner.spent.steps, job.device))
        figures = train(learner, job)
        if not team.is_first:
            return
        outcome = Outcome(
            settings=self.settings(found.photographs),
            steps=learner.spent.steps,
            images_seen=learner.spent.images,
            minutes=learner.spent.elapsed_s / 60,
            trained_on=trained_on,
            validation=figures,
            device=job.device,
            code_revision=code_revision,
        )
        write_weights(run.weights_path, self.role, learner.averaged, outcome)
        left_out = (*found.left_out, *unusable)
        total = len(found.photographs) + len(found.left_out)
        logger.info("%s", describe_left_out(left_out, total))

    def settings(self, photographs: Sequence[Photograph]) -> RunSettings:
        """Return all that the result depends on; two runs with the same are one run."""
        config, teacher = self.config, self.origins.teacher
        return RunSettings(
            network=self.stage.network,
            schedule=self.stage.schedule,
            seed=config.seed,
            profile=config.profile,
            licence=config.licence,
            truth_loss=config.truth_loss,
            damage_floor_levels=config.damage_floor_levels,
            data=config.data,
            distillation=config.distillation if teacher else None,
            teacher=teacher.sha256 if teacher else None,
            started_from=_describe(self.origins.start),
            data_hash=hash_photographs(photographs),
        )

    def is_finished(self, run: RunFolder, state: Mapping[str, Any] | None) -> bool:
        """Whether the budget is spent and the weights are of the last step."""
        if state is None or not run.weights_path.exists():
            return False
        spent = read_spent(state)
        written = load_weights(run.weights_path).card.training.steps
        return spent.progress(self.stage.schedule) >= 1 and written == spent.steps

    def begin(self, state: Mapping[str, Any] | None, *, photographs: int) -> Learner:
        """Return the learner: fresh, with numbers to take up, or as the last checkpoint left it."""
        torch.manual_seed(self.config.seed)
        network = build_network(self.stage.network.architecture, dict(self.stage.network.config))
        if self.origins.start is not None:
            restore_tensors(network, self.origins.start.tensors)
        device = choose_device(self.place.device)
        learner = create_learner(network, self.stage.schedule, device, photographs=photographs)
        if state is not None:
            learner.restore(state)
        return learner

    def prepare(
        self, photographs: Sequence[Photograph], run: RunFolder
    ) -> tuple[Job, list[Photograph], tuple[LeftOut, ...]]:
        """Return the job, what it trains on and what cannot be used.

        The photographs are decoded, blurred and, with a teacher, taught. Only usable ones are
        split, so that neither side can come out empty for want of good files.
        """
        data, schedule, place = self.config.data, self.stage.schedule, self.place
        degradation = PROFILES[self.config.profile]
        task = self.choose_task()
        with place.team.take_turns():
            store = Store(place.store, degradation)
            decoded = store.decode(photographs, patch_px=schedule.largest_patch_px)
            usable = [each for each in photographs if each.sha256 in decoded.pictures]
            training, validation = set_aside(usable, self.config)
            pictures = {each.sha256: decoded.pictures[each.sha256] for each in training}
            if data.degrade == "picture":
                pictures = store.blur(pictures, versions=data.versions)
            if self.origins.teacher is not None and self.config.distillation.ask == "once":
                pictures = store.teach(pictures, *self.find_answers(self.origins.teacher))
            aside = {each.sha256: decoded.pictures[each.sha256] for each in validation}
            judged = store.blur(aside, versions=data.versions).values()
        crop_px = data.validation_crop_px or None
        crops = [crop_centre(each, crop_px) for each in judged]
        device = choose_device(place.device)
        job = Job(
            task=task,
            sampler=Sampler(
                tuple(pictures.values()),
                self.config.seed,
                turn=data.turn,
                degradation=degradation if data.degrade == "patch" else None,
                versions=data.versions if data.degrade == "picture" else 1,
            ),
            schedule=schedule,
            run=run,
            validate=Validator(crops, place.device, degradation).measure,
            device=device,
            team=place.team,
            workers=place.drawing_workers,
            low_precision=_choose_low_precision(schedule, device),
        )
        return job, training, decoded.left_out

    def find_answers(self, teacher: Weights) -> tuple[Sharpener, str]:
        """Return who is asked about whole photographs, and the name that the answers go by.

        It answers in the precision that the student is trained in.
        """
        device = choose_device(self.place.device)
        low_precision = _choose_low_precision(self.stage.schedule, device)
        network = restore_network(teacher)
        engine = Engine(TorchRuntime(network, str(device), low_precision=low_precision))
        name = f"bfloat16-{teacher.sha256}" if low_precision else teacher.sha256
        if self.config.distillation.self_ensemble:
            return SelfEnsemble(engine), f"x8-{name}"
        return engine, name

    def choose_task(self) -> Task:
        """Return what is learned: from truth alone, or from truth and a teacher."""
        truth_distance = DISTANCES[self.config.truth_loss]
        floor = self.config.damage_floor_levels
        weigh = weigh_equally if floor is None else WeighByDamage(floor)
        if self.origins.teacher is None:
            return Restoration(truth_distance, weigh)
        recipe = self.config.distillation
        teacher = _freeze(restore_network(self.origins.teacher), self.place.device)
        task = Distillation(
            recipe.truth_weight,
            recipe.teacher_weight,
            distance=DISTANCES[recipe.teacher_loss],
            fade=recipe.fade,
            teacher=None if recipe.ask == "once" else teacher,
            truth_distance=truth_distance,
            weigh=weigh,
        )
        if (imitation := recipe.imitation) is None:
            return task
        student = build_network(self.stage.network.architecture, dict(self.stage.network.config))
        for ours, theirs in imitation.layers:  # now: a wrong name should not show hours later
            find_layer(student, ours)
            find_layer(teacher, theirs)
        return Imitation(task, teacher, imitation.layers, imitation.weight, imitation.until)


def _freeze(network: Network, device: str) -> Network:
    return move_network(network, choose_device(device)).eval().requires_grad_(False)


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
