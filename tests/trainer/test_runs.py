"""A run folder belongs to one run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sharpening.errors import TrainingError
from trainer.config import DataConfig, NetworkSpec, RunSettings, Schedule
from trainer.runs import RunFolder

SETTINGS = RunSettings(
    network=NetworkSpec(architecture="student"),
    schedule=Schedule(steps=5, batch_size=2),
    seed=1,
    profile="paper",
    licence="MIT",
    data=DataConfig(),
    distillation=None,
    teacher=None,
    started_from=None,
    data_hash="00",
)


def written(folder: Path) -> RunSettings:
    return RunSettings.model_validate_json((folder / "settings.json").read_bytes())


def test_the_same_settings_take_the_folder_up_again(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run").claim(SETTINGS)
    RunFolder(tmp_path / "run").claim(SETTINGS)
    assert written(tmp_path / "run") == SETTINGS


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(steps=9, batch_size=2),
        Schedule(minutes=3, batch_size=2),
        Schedule(steps=5, batch_size=2, log_every_steps=7),
    ],
)
def test_the_budget_and_the_bookkeeping_may_change(tmp_path: Path, schedule: Schedule) -> None:
    RunFolder(tmp_path).claim(SETTINGS)
    changed = SETTINGS.model_copy(update={"schedule": schedule})
    RunFolder(tmp_path).claim(changed)
    assert written(tmp_path) == changed


@pytest.mark.parametrize(
    "changes", [{"seed": 2}, {"schedule": Schedule(steps=5, batch_size=3)}, {"teacher": "aa"}]
)
def test_other_settings_are_refused_and_nothing_is_overwritten(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    RunFolder(tmp_path).claim(SETTINGS)
    with pytest.raises(TrainingError, match=r"other settings"):
        RunFolder(tmp_path).claim(SETTINGS.model_copy(update=changes))
    assert written(tmp_path) == SETTINGS


@pytest.mark.parametrize("name", ["settings.json", "checkpoint.pt"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    run = RunFolder(tmp_path)
    (tmp_path / name).write_bytes(b"{")
    with pytest.raises(TrainingError, match=name):
        run.claim(SETTINGS) if name == "settings.json" else run.load_checkpoint()


def test_one_run_at_a_time_works_in_a_folder(tmp_path: Path) -> None:
    lock = f"with RunFolder(Path({str(tmp_path)!r})).locked(): pass"
    program = f"from pathlib import Path\nfrom trainer.runs import RunFolder\n{lock}"

    def run_another() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    with RunFolder(tmp_path).locked():
        assert "another process is training" in run_another().stderr
    assert run_another().returncode == 0


def test_what_a_killed_run_left_half_written_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / ".checkpoint.pt.abc.partial").write_bytes(b"half")
    with RunFolder(tmp_path).locked():
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_an_error_of_the_run_is_not_blamed_on_its_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="elsewhere"), RunFolder(tmp_path).locked():
        raise OSError("elsewhere")


def test_the_log_forgets_what_will_be_written_again(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.forget_after(0)
    for entry in (
        {"step": 4, "loss": 1.0},
        {"step": 4, "validation": {}},
        {"step": 8, "loss": 0.5},
        {"step": 8, "validation": {}},
        {"step": 12, "loss": 0.4},
    ):
        run.log(entry)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "lo')
    run.forget_after(8)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"step": 4, "loss": 1.0},
        {"step": 4, "validation": {}},
        {"step": 8, "loss": 0.5},
    ]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TrainingError, match="file"):
        RunFolder(tmp_path / "file" / "run").claim(SETTINGS)
    with (
        pytest.raises(TrainingError, match="file"),
        RunFolder(tmp_path / "file" / "run").locked(),
    ):
        pass


def test_a_checkpoint_comes_back_as_it_went(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.load_checkpoint() is None
    run.save_checkpoint({"step": 3, "tensor": torch.arange(4)})
    state = run.load_checkpoint()
    assert state is not None
    assert state["step"] == 3
    assert torch.equal(state["tensor"], torch.arange(4))
