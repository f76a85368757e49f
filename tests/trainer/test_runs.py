"""A run folder belongs to one run."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from sharpening.errors import TrainingError
from trainer.runs import RunFolder

SETTINGS: dict[str, Any] = {"schedule": {"steps": 5, "minutes": None, "batch_size": 2}, "seed": 1}


def test_the_same_settings_take_the_folder_up_again(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run").claim(SETTINGS)
    RunFolder(tmp_path / "run").claim(SETTINGS)
    assert json.loads((tmp_path / "run/settings.json").read_text()) == SETTINGS


def test_the_budget_may_change(tmp_path: Path) -> None:
    RunFolder(tmp_path).claim(SETTINGS)
    longer = {**SETTINGS, "schedule": {**SETTINGS["schedule"], "steps": 9}}
    RunFolder(tmp_path).claim(longer)
    assert json.loads((tmp_path / "settings.json").read_text()) == longer


@pytest.mark.parametrize(
    "other", [{**SETTINGS, "seed": 2}, {**SETTINGS, "schedule": {"steps": 5, "batch_size": 3}}]
)
def test_other_settings_are_refused_and_nothing_is_overwritten(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    RunFolder(tmp_path).claim(SETTINGS)
    with pytest.raises(TrainingError, match=r"other settings"):
        RunFolder(tmp_path).claim(other)
    assert json.loads((tmp_path / "settings.json").read_text()) == SETTINGS


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TrainingError, match="file"):
        RunFolder(tmp_path / "file" / "run").claim(SETTINGS)


def test_a_checkpoint_comes_back_as_it_went(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.load_checkpoint() is None
    run.save_checkpoint({"step": 3, "tensor": torch.arange(4)})
    state = run.load_checkpoint()
    assert state is not None
    assert state["step"] == 3
    assert torch.equal(state["tensor"], torch.arange(4))
