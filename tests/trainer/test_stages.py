"""A stage does what its preset says, refuses what cannot be, and leaves what it learned."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from sharpening.degradation import CallDegradation
from sharpening.ensemble import SelfEnsemble
from sharpening.errors import TrainingError
from sharpening.weights import Tensors, load_weights
from trainer.config import Config, Schedule, load_config
from trainer.stages import (
    Origins,
    Place,
    TrainingRun,
    _choose_low_precision,
    distil_student,
    find_validation,
    train_teacher,
)
from trainer.tasks import (
    Distillation,
    Restoration,
    WeighByDamage,
    measure_charbonnier,
    measure_mse,
)

CPU = torch.device("cpu")


def configure(**distillation: object) -> Config:
    """The smoke preset with two steps for each network and this way of distilling."""
    config = load_config("smoke").model_dump()
    for role in ("teacher", "student"):
        config[role]["schedule"].update(steps=2, log_every_steps=1)
    config["distillation"].update(distillation)
    return Config.model_validate(config)


def configure_call(**data: object) -> Config:
    """The same with the blind profile and these entries about data."""
    config = configure(ask="always" if "patch" in data.values() else "once").model_dump()
    config["data"].update(data)
    return Config.model_validate({**config, "profile": "call"})


@pytest.fixture
def place(photographs: Path, tmp_path: Path) -> Place:
    return Place(photographs, tmp_path / "run", tmp_path / "store", "cpu")


@pytest.fixture(scope="module")
def teacher(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    return train_teacher(configure(), Place(photographs, folder, folder / "store", "cpu"))


def logged(place: Place) -> list[set[str]]:
    lines = (place.run / "metrics.jsonl").read_text().splitlines()
    return [set(json.loads(line)) for line in lines if "learning_rate" in line]


IMITATION = {"layers": [["body.0", "half_down"], ["body.1", "half_up"]], "weight": 0.1}


def test_imitation_is_learned_beside_distillation(place: Place, teacher: Path) -> None:
    student = distil_student(configure(imitation=IMITATION), place, teacher=teacher)
    assert all({"truth", "teacher", "imitation"} <= names for names in logged(place))
    recipe = load_weights(student).card.training.recipe
    assert recipe["distillation"]["imitation"]["layers"][0] == ["body.0", "half_down"]


@pytest.mark.parametrize("pair", [["torso", "half_up"], ["body.0", "torso"]])
def test_a_layer_that_is_not_there_is_refused_before_any_work(
    place: Place, teacher: Path, pair: list[str]
) -> None:
    config = configure(imitation={"layers": [pair], "weight": 1.0})
    with pytest.raises(TrainingError, match="'torso'"):
        distil_student(config, place, teacher=teacher)
    assert not place.store.exists()


def test_a_teacher_may_be_asked_about_every_patch(place: Place, teacher: Path) -> None:
    distil_student(configure(ask="always", teacher_loss="mse"), place, teacher=teacher)
    assert all({"truth", "teacher"} <= names for names in logged(place))
    assert not [path for path in place.store.iterdir() if "taught" in path.name]


def test_eight_answers_are_kept_apart_from_one(place: Place, teacher: Path) -> None:
    config = configure(self_ensemble=True)
    run = TrainingRun("student", config.student, config, place, Origins(load_weights(teacher)))
    answering, name = run.find_answers(load_weights(teacher))
    assert isinstance(answering, SelfEnsemble)
    assert name == f"x8-{load_weights(teacher).sha256}"
    distil_student(config, place, teacher=teacher)
    assert [path for path in place.store.iterdir() if f"taught-{name}" in path.name]


def test_the_same_seed_gives_the_same_bits_and_another_gives_others(
    photographs: Path, tmp_path: Path
) -> None:
    def train(seed: int, name: str) -> Tensors:
        config = configure().model_copy(update={"seed": seed})
        place = Place(photographs, tmp_path / name, tmp_path / "store", "cpu")
        return load_weights(train_teacher(config, place)).tensors

    first, again, other = train(1, "first"), train(1, "again"), train(2, "other")
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not all(np.array_equal(first[name], other[name]) for name in first)


def test_the_run_folder_says_with_what_it_was_begun(place: Place) -> None:
    train_teacher(configure(), place)
    session = json.loads((place.run / "sessions.jsonl").read_text())
    card = load_weights(place.run / "weights.safetensors").card
    assert session["step"] == 0
    assert session["code_revision"] == card.training.code_revision
    assert session["versions"] == card.training.versions
    settings = json.loads((place.run / "settings.json").read_text())
    assert settings == card.training.recipe
    assert settings["data_hash"]


def test_the_call_profile_trains_both_and_tells_how_far_sharp_pictures_are_moved(
    photographs: Path, tmp_path: Path
) -> None:
    config = configure_call(versions=2)
    store = tmp_path / "store"
    teacher = train_teacher(config, Place(photographs, tmp_path / "teacher", store, "cpu"))
    place = Place(photographs, tmp_path / "student", store, "cpu")
    card = load_weights(distil_student(config, place, teacher=teacher)).card
    assert card.profile == "call"
    assert card.degradation == CallDegradation()
    validation = card.metrics["validation"]
    assert isinstance(validation, dict)
    assert set(validation) == {"psnr", "ssim", "sharp_psnr"}
    assert 20 < validation["sharp_psnr"] <= 100
    planes = Counter(path.name.split(".")[-2].split("-")[0] for path in store.iterdir())
    trained = card.training.photographs
    assert planes == {"sharp": 15, "blurred": 2 * 15, "taught": 2 * trained}
    again = load_weights(distil_student(config, place, teacher=teacher)).card
    assert again == card


def test_a_task_measures_as_the_preset_says(place: Place, teacher: Path) -> None:
    config = configure(teacher_loss="mse").model_copy(
        update={"truth_loss": "charbonnier", "damage_floor_levels": 6.0}
    )
    alone = TrainingRun("teacher", config.teacher, config, place, Origins())
    taught = TrainingRun("student", config.student, config, place, Origins(load_weights(teacher)))
    assert alone.choose_task() == Restoration(measure_charbonnier, WeighByDamage(6))
    assert alone.settings([]).truth_loss == "charbonnier"
    task = taught.choose_task()
    assert isinstance(task, Distillation)
    assert task.truth_distance is measure_charbonnier
    assert task.distance is measure_mse
    assert task.weigh == WeighByDamage(6)


def test_fresh_damage_for_every_patch_needs_no_blurred_photographs(place: Place) -> None:
    config = configure_call(degrade="patch")
    trained = load_weights(train_teacher(config, place)).card.training.photographs
    blurred = [path for path in place.store.iterdir() if "blurred" in path.name]
    assert len(blurred) == 15 - trained


def test_a_profile_that_changes_sharp_pictures_is_not_asked_about_them(place: Place) -> None:
    validation = load_weights(train_teacher(configure(), place)).card.metrics["validation"]
    assert isinstance(validation, dict)
    assert set(validation) == {"psnr", "ssim"}


def test_a_teacher_of_another_profile_is_refused(place: Place, teacher: Path) -> None:
    with pytest.raises(TrainingError, match="expected a teacher of 'call'"):
        distil_student(configure_call(), place, teacher=teacher)


def test_validation_photographs_are_those_set_aside(place: Place) -> None:
    config = configure()
    found = find_validation(config, place)
    assert 1 <= len(found) <= config.data.validation_pictures
    train_teacher(config, place)
    trained = load_weights(place.run / "weights.safetensors").card.training.photographs
    assert trained + len(found) <= 15


@pytest.mark.parametrize(
    ("capabilities", "used"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"avx512_bf16": False, "avx2": True}, False),
    ],
)
def test_bfloat16_is_used_only_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], used: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert _choose_low_precision(Schedule(steps=1, precision="bfloat16"), CPU) is used
    assert _choose_low_precision(Schedule(steps=1), CPU) is False
