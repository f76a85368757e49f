"""The compose file as Docker Compose itself reads it; no engine is asked."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from service.settings import Settings
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


class Limits(BaseModel):
    cpus: float | None = None
    memory: int
    pids: int


class Resources(BaseModel):
    reservations: Reservations | None = None
    limits: Limits | None = None


class Deploy(BaseModel):
    resources: Resources


class Build(BaseModel):
    context: Path
    dockerfile: Path
    args: dict[str, str]
    target: str = ""


class Container(BaseModel):
    """What we rely on of every container."""

    build: Build
    user: str
    init: Literal[True]
    stop_grace_period: str
    cap_drop: list[str]
    security_opt: list[str]
    volumes: list[Mount]
    deploy: Deploy


class Trainer(Container):
    """And of the trainer's."""

    profiles: list[str]
    command: list[str]
    shm_size: int
    stop_signal: Literal["SIGTERM"]


class Port(BaseModel):
    host_ip: str
    target: int
    published: str


class Service(Container):
    """And of the service's."""

    profiles: list[str] = []
    environment: dict[str, str | None]
    ports: list[Port]
    read_only: bool
    restart: str
    tmpfs: list[str]


def read_services(profile: str, **variables: str) -> dict[str, Any]:
    """Return all of a profile under these environment variables and no others of its own."""
    names = ("TRAINER_", "SERVICE_", "SHARPEN_", "COMPOSE_", "PIP_FLAGS")
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(names)}
    printed = subprocess.run(
        [DOCKER_COMPOSE, "--profile", profile, "config", "--format", "json"],
        cwd=REPOSITORY,
        env=inherited | variables,
        check=True,
        capture_output=True,
    ).stdout
    services: dict[str, Any] = json.loads(printed)["services"]
    return services


def read_trainer(**variables: str) -> Trainer:
    return Trainer.model_validate(read_services("train", **variables)["trainer"])


def read_service(name: str = "service", **variables: str) -> Service:
    return Service.model_validate(read_services("gpu", **variables)[name])


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    return read_trainer()


@pytest.fixture(scope="module", params=["service", "service-gpu"])
def service(request: pytest.FixtureRequest) -> Service:
    return read_service(request.param)


@pytest.fixture(scope="module", params=["service", "service-gpu", "trainer"])
def container(request: pytest.FixtureRequest) -> Container:
    return read_trainer() if request.param == "trainer" else read_service(request.param)


def read_devices(container: Container) -> list[Device]:
    reservations = container.deploy.resources.reservations
    return reservations.devices if reservations else []


def test_only_the_service_on_a_cpu_runs_unless_more_is_asked_for() -> None:
    printed = subprocess.run(
        [DOCKER_COMPOSE, "config", "--services"], cwd=REPOSITORY, check=True, capture_output=True
    ).stdout
    assert printed.split() == [b"service"]
    assert read_service().build.target == "cpu"
    assert read_service("service-gpu").build.target == "gpu"


def test_the_image_is_built_from_files_that_are_there(container: Container) -> None:
    assert container.build.context == REPOSITORY
    dockerfile = (REPOSITORY / container.build.dockerfile).read_text()
    assert not container.build.target or f" AS {container.build.target}\n" in dockerfile
    assert all(f"\nARG {name}" in dockerfile for name in container.build.args)


def test_a_gpu_is_reserved_where_one_is_meant(trainer: Trainer) -> None:
    expected = Device(driver="nvidia", count=1, capabilities=["gpu"])
    assert read_devices(trainer) == read_devices(read_service("service-gpu")) == [expected]
    assert read_devices(read_service()) == []
    assert "--device=cuda" in trainer.command


def test_no_container_can_get_more_rights_than_it_began_with(container: Container) -> None:
    assert container.user == "1000:1000"
    assert container.cap_drop == ["ALL"]
    assert container.security_opt == ["no-new-privileges:true"]


def test_a_service_writes_nowhere_but_into_memory_and_has_bounds(service: Service) -> None:
    assert service.read_only
    assert [mount.target for mount in service.volumes if mount.read_only] == ["/weights"]
    assert len(service.volumes) == 1
    assert [entry.split(":")[0] for entry in service.tmpfs] == ["/tmp"]
    assert service.restart == "unless-stopped"
    assert service.deploy.resources.limits == Limits(memory=4 * 1024**3, pids=512)


def test_a_service_has_room_for_its_batches_and_time_to_finish(service: Service) -> None:
    set_ = {
        name.removeprefix("SHARPEN_").lower(): text
        for name, text in service.environment.items()
        if text is not None
    }
    settings = Settings.model_validate(set_)
    spool_bytes = settings.max_batches * settings.max_batch_bytes
    assert spool_bytes < 1024**3  # the size of /tmp
    assert service.tmpfs[0].startswith("/tmp:size=1g,")
    minutes, _, seconds = service.stop_grace_period.removesuffix("s").rpartition("m")
    grace = timedelta(minutes=int(minutes or 0), seconds=int(seconds))
    assert grace >= timedelta(seconds=settings.drain_timeout_s + 10)


def test_a_service_is_reached_from_this_machine_alone_unless_told_otherwise() -> None:
    (port,) = read_service().ports
    assert (port.host_ip, port.published, port.target) == ("127.0.0.1", "8000", 8000)
    service = read_service(
        SERVICE_ADDRESS="0.0.0.0",
        SERVICE_PORT="80",
        SERVICE_CPUS="1.5",
        SERVICE_MEMORY="1g",
        SHARPEN_API_KEY="open-sesame",
    )
    assert (service.ports[0].host_ip, service.ports[0].published) == ("0.0.0.0", "80")
    assert service.deploy.resources.limits == Limits(cpus=1.5, memory=1024**3, pids=512)
    assert service.environment["SHARPEN_API_KEY"] == "open-sesame"


def test_the_trainer_writes_where_the_service_reads(trainer: Trainer, service: Service) -> None:
    written = {mount.source for mount in trainer.volumes if not mount.read_only}
    assert service.volumes[0].source in written


def test_photographs_are_read_and_only_weights_and_runs_are_written(trainer: Trainer) -> None:
    mounts = {mount.target: mount for mount in trainer.volumes}
    assert mounts.keys() == {"/data", "/runs", "/weights"}
    assert [target for target, mount in mounts.items() if mount.read_only] == ["/data"]
    assert mounts["/weights"].source == REPOSITORY / "weights"
    # a folder that Docker makes belongs to root, and the trainer could not write there
    assert not any(mount.bind.create_host_path for mount in mounts.values())


def test_the_trainer_has_time_to_write_a_checkpoint(trainer: Trainer) -> None:
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
