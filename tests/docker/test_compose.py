"""The compose file as Docker Compose itself reads it; no engine is asked."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel

from trainer.cli import main

REPOSITORY = Path(__file__).parents[2]
DOCKER_COMPOSE = Path(sys.executable).with_name("docker-compose")


class Mount(BaseModel):
    class Bind(BaseModel):
        create_host_path: bool

    type: Literal["bind"]
    source: Path
    target: str
    bind: Bind
    read_only: bool = False


class Device(BaseModel):
    driver: str
    count: int
    capabilities: list[str]


class Reservations(BaseModel):
    devices: list[Device]


class Resources(BaseModel):
    reservations: Reservations


class Deploy(BaseModel):
    resources: Resources


class Build(BaseModel):
    context: Path
    dockerfile: Path
    args: dict[str, str]


class Trainer(BaseModel):
    """What we rely on of the service."""

    profiles: list[str]
    build: Build
    command: list[str]
    user: str
    init: bool
    shm_size: int
    stop_signal: Literal["SIGTERM"]
    stop_grace_period: str
    volumes: list[Mount]
    deploy: Deploy


def read_trainer(**variables: str) -> Trainer:
    """Return the service as it is under these environment variables and no others of its own."""
    names = ("TRAINER_", "COMPOSE_", "PIP_FLAGS")
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(names)}
    printed = subprocess.run(
        [DOCKER_COMPOSE, "--profile", "train", "config", "--format", "json"],
        cwd=REPOSITORY,
        env=inherited | variables,
        check=True,
        capture_output=True,
    ).stdout
    return Trainer.model_validate(json.loads(printed)["services"]["trainer"])


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    return read_trainer()


def test_nothing_runs_unless_training_is_asked_for() -> None:
    printed = subprocess.run(
        [DOCKER_COMPOSE, "config", "--services"], cwd=REPOSITORY, check=True, capture_output=True
    ).stdout
    assert b"trainer" not in printed.split()


def test_the_image_is_built_from_files_that_are_there(trainer: Trainer) -> None:
    assert trainer.build.context == REPOSITORY
    assert (REPOSITORY / trainer.build.dockerfile).is_file()


def test_a_gpu_is_reserved(trainer: Trainer) -> None:
    expected = Device(driver="nvidia", count=1, capabilities=["gpu"])
    assert trainer.deploy.resources.reservations.devices == [expected]
    assert "--device=cuda" in trainer.command


def test_photographs_are_read_and_only_weights_and_runs_are_written(trainer: Trainer) -> None:
    mounts = {mount.target: mount for mount in trainer.volumes}
    assert mounts.keys() == {"/data", "/runs", "/weights"}
    assert [target for target, mount in mounts.items() if mount.read_only] == ["/data"]
    assert mounts["/weights"].source == REPOSITORY / "weights"
    # a folder that Docker makes belongs to root, and the trainer could not write there
    assert not any(mount.bind.create_host_path for mount in mounts.values())


def test_it_is_nobody_special_and_has_time_to_write_a_checkpoint(trainer: Trainer) -> None:
    assert trainer.user == "1000:1000"
    assert trainer.init
    assert trainer.stop_grace_period == "2m0s"


def test_variables_change_what_they_are_said_to(tmp_path: Path) -> None:
    trainer = read_trainer(
        TRAINER_PHOTOGRAPHS=str(tmp_path),
        TRAINER_PRESET="smoke",
        TRAINER_RUN="mine",
        TRAINER_USER="12:34",
        PIP_FLAGS="--pre",
    )
    assert {mount.target: mount.source for mount in trainer.volumes}["/data"] == tmp_path
    assert {"--preset=smoke", "--run=/runs/mine"} <= set(trainer.command)
    assert trainer.user == "12:34"
    assert trainer.build.args["PIP_FLAGS"] == "--pre"


def test_the_trainer_understands_its_command(
    trainer: Trainer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing"
    command = [each.replace("=/", f"={missing}/") for each in trainer.command]
    assert main(command) == 1  # argparse would have left with 2
    assert "error:" in capsys.readouterr().err
