"""Presets are typed: what is not understood is refused."""

from pathlib import Path

import pytest

from sharpening.errors import TrainingError
from sharpening.networks import build_network, count_parameters
from trainer.config import Schedule, list_presets, load_config

MINIMAL = """
[teacher.network]
architecture = "teacher"
[teacher.schedule]
steps = 1
[student.network]
architecture = "student"
[student.schedule]
minutes = 1.5
"""


@pytest.mark.parametrize("preset", list_presets())
def test_every_preset_loads_and_builds_its_networks(preset: str) -> None:
    config = load_config(preset)
    for stage in (config.teacher, config.student):
        build_network(stage.network.architecture, dict(stage.network.config))


def test_the_cpu_preset_keeps_the_promised_sizes() -> None:
    config = load_config("cpu")
    student, teacher = (
        build_network(stage.network.architecture, dict(stage.network.config))
        for stage in (config.student, config.teacher)
    )
    assert count_parameters(student) <= 13_000
    assert count_parameters(teacher) > 2_500_000


def test_the_paper_preset_is_the_published_experiment() -> None:
    config = load_config("paper")
    for stage, epochs in ((config.teacher, 300), (config.student, 75)):
        schedule = stage.schedule
        assert (schedule.epochs, schedule.batch_size, schedule.patch_px) == (epochs, 5, 256)
        assert (schedule.learning_rate, schedule.decay, schedule.weight_decay) == (1e-4, "none", 0)
        assert (schedule.ema_decay, schedule.gradient_norm_limit) == (0, 0)
    recipe = config.distillation
    assert (recipe.truth_weight, recipe.teacher_weight, recipe.teacher_loss) == (0.5, 0.5, "mse")
    assert recipe.ask == "always"
    assert recipe.imitation is None
    assert config.data.degrade == "patch"


def test_the_call_preset_keeps_versions_of_the_blind_profile() -> None:
    call, best = load_config("call"), load_config("best")
    assert call.profile == "call"
    assert call.data.versions == 3
    assert call.teacher.network == best.teacher.network
    students = [each.student.network.architecture for each in (call, best)]
    assert students == ["mirror-student", "dihedral-student"]


def test_a_file_is_a_preset_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL)
    assert load_config(str(path)).student.schedule.minutes == 1.5


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("learning_speed = 3", "learning_speed"),
        ("steps = 3", "either steps or minutes"),
        ("epochs = 3", "either steps or minutes"),
        ('optimiser = "sgd"', "optimiser"),
        (
            "phases = [{ until = 0.5, batch_size = 1, patch_px = 16 },"
            " { until = 0.4, batch_size = 1, patch_px = 16 }]",
            "phases end at",
        ),
        ('[distillation]\nself_ensemble = true\nask = "always"', "self_ensemble"),
        ("[distillation.imitation]\nlayers = []\nweight = 1", "layers"),
        ('[data]\ndegrade = "patch"', "ask"),
        ('[data.split]\nby = "name"', "training"),
        ('[data.split]\nby = "age"', "split"),
        ("patch_px = 50", "multiple of 8"),
        ("learning_rate = -1", "greater than 0"),
        ("[data]\nversions = 0", "versions"),
        ("[data]\nversions = 2", "one and the same"),
    ],
)
def test_an_unknown_or_unsuitable_entry_is_refused_by_name(
    tmp_path: Path, line: str, told: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL + line)
    with pytest.raises(TrainingError, match=told):
        load_config(str(path))


def test_a_missing_preset_names_those_there_are() -> None:
    with pytest.raises(TrainingError, match=r"cpu.*smoke"):
        load_config("nowhere")


def test_a_schedule_needs_a_budget() -> None:
    with pytest.raises(ValueError, match="either steps or minutes"):
        Schedule()
