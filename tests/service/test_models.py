import dataclasses
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from service.errors import UnknownModelError
from service.models import ModelStore, load_models, warm_up
from service.settings import Settings
from sharpening.engine import Engine
from sharpening.errors import DeviceError, WeightsError
from sharpening.networks import Network

MakeStudent = Callable[[int], Network]
SaveNetwork = Callable[..., str]


class CountingRuntime:
    """Counts how often it runs."""

    name = "counting"
    device = "cpu"
    precision = "float32"
    tile_px = 512
    receptive_field_px = 1
    multiple_of = 1

    def __init__(self) -> None:
        self.runs = 0

    def run(self, batch: np.ndarray) -> np.ndarray:
        self.runs += 1
        return batch


def test_a_model_answers_to_all_its_names(settings: Settings) -> None:
    store = load_models(settings)

    student = store.get("student")
    assert student.card.role == "student"
    assert store.get("paper/student") is student
    assert store.get(f"student@{student.sha256[:12]}") is student
    assert store.names_of(student) == sorted(["student", "paper/student", student.name])
    assert store.get("teacher").card.role == "teacher"


@pytest.mark.parametrize(
    "name", ["", "Student", "student@", "call/student", "student@0123456789ab"]
)
def test_any_other_name_is_an_error_that_lists_the_known_ones(
    settings: Settings, name: str
) -> None:
    with pytest.raises(UnknownModelError, match="paper/student"):
        load_models(settings).get(name)


def test_the_teacher_is_optional(
    tmp_path: Path, make_student: MakeStudent, save_network: SaveNetwork
) -> None:
    save_network(tmp_path / "student.safetensors", make_student(1))

    assert list(load_models(Settings(weights_dir=tmp_path, device="cpu")).get_judged()) == [
        "student"
    ]


def test_the_newest_of_two_students_has_the_plain_name(
    tmp_path: Path, make_student: MakeStudent, save_network: SaveNetwork
) -> None:
    recent = datetime(2026, 1, 1, tzinfo=UTC)
    newer = save_network(tmp_path / "a.safetensors", make_student(1), created=recent)
    older = save_network(tmp_path / "b.safetensors", make_student(2))

    store = load_models(Settings(weights_dir=tmp_path, device="cpu"))

    assert store.get("student").sha256 == newer
    assert store.get(f"student@{older[:12]}").sha256 == older


def test_a_student_of_another_profile_is_found_by_its_profile_only(settings: Settings) -> None:
    paper = load_models(settings).get("student")
    newer = {"profile": "other", "created": datetime(2026, 1, 1, tzinfo=UTC)}
    card = paper.card.model_copy(update=newer)  # unchecked: there is no second profile yet
    other = dataclasses.replace(paper, name="student@other", card=card)

    store = ModelStore([paper, other], profile="paper")

    assert store.get("other/student") is other
    assert store.get("student") is store.get("paper/student") is paper


def test_of_any_profile_the_one_for_every_picture_comes_first(settings: Settings) -> None:
    paper, teacher = (load_models(settings).get(name) for name in ("student", "teacher"))
    card = paper.card.model_copy(update={"profile": "call"})
    call = dataclasses.replace(paper, name="student@call", card=card)

    assert ModelStore([paper, teacher], profile="auto").get("student") is paper
    both = ModelStore([paper, teacher, call], profile="auto")
    assert both.get("student") is both.get("call/student") is call
    assert list(both.get_judged()) == ["student"]  # a teacher of another profile is not its teacher


def test_a_refused_file_is_logged_with_the_reason_and_left_out(
    tmp_path: Path,
    make_student: MakeStudent,
    save_network: SaveNetwork,
    caplog: pytest.LogCaptureFixture,
) -> None:
    save_network(tmp_path / "student.safetensors", make_student(1))
    (tmp_path / "broken.safetensors").write_bytes(b"not safetensors")

    with caplog.at_level(logging.ERROR):
        store = load_models(Settings(weights_dir=tmp_path, device="cpu"))

    assert len(store.models) == 1
    assert "refused broken.safetensors" in caplog.text
    assert "not a complete safetensors file" in caplog.text


def test_a_file_that_lies_twice_in_the_folder_is_one_model(
    tmp_path: Path, make_student: MakeStudent, save_network: SaveNetwork
) -> None:
    save_network(tmp_path / "a.safetensors", make_student(1))
    (tmp_path / "b.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes())

    assert len(load_models(Settings(weights_dir=tmp_path, device="cpu")).models) == 1


def test_no_student_is_an_error_that_says_what_to_do(
    tmp_path: Path, make_student: MakeStudent, save_network: SaveNetwork
) -> None:
    save_network(tmp_path / "teacher.safetensors", make_student(1), role="teacher")

    with pytest.raises(WeightsError, match=r"no student of the profile 'auto'.*WEIGHTS_DIR"):
        load_models(Settings(weights_dir=tmp_path, device="cpu"))


def test_a_device_that_is_not_there_is_an_error(weights_dir: Path) -> None:
    with pytest.raises(DeviceError, match="no-such-device"):
        load_models(Settings(weights_dir=weights_dir, device="no-such-device"))


def test_warming_up_runs_every_model(settings: Settings) -> None:
    stores = load_models(settings)
    runtimes = [CountingRuntime(), CountingRuntime()]
    models = [
        dataclasses.replace(model, runtime=runtime, engine=Engine(runtime))
        for model, runtime in zip(stores.models, runtimes, strict=True)
    ]

    warm_up(ModelStore(models, profile="paper"))

    assert [runtime.runs for runtime in runtimes] == [1, 1]
