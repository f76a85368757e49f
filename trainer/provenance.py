"""Where weights come from: the code, the machine and the data, written down with them."""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import torch
from pydantic import JsonValue

from sharpening.degradation import PROFILES
from sharpening.metrics import DEFINITIONS
from sharpening.networks import Network
from sharpening.runtimes.torch import describe_contract
from sharpening.weights import Card, Training, save_weights
from trainer.config import RunSettings
from trainer.photographs import Photograph, hash_photographs

_RECORDED_PACKAGES = ("av", "numpy", "pillow", "scipy", "torch")


@dataclass(frozen=True)
class Outcome:
    """What a finished training amounts to."""

    settings: RunSettings
    steps: int
    images_seen: int
    minutes: float
    trained_on: Sequence[Photograph]
    validation: Mapping[str, float]
    device: torch.device
    code_revision: str


def write_weights(
    path: Path, role: Literal["teacher", "student"], network: Network, outcome: Outcome
) -> str:
    """Write the network with its full card; return the file's SHA-256."""
    settings = outcome.settings
    training = Training(
        recipe=settings.model_dump(mode="json"),
        steps=outcome.steps,
        images_seen=outcome.images_seen,
        minutes=round(outcome.minutes, 2),
        data_hash=hash_photographs(outcome.trained_on),
        photographs=len(outcome.trained_on),
        seed=settings.seed,
        hardware=describe_hardware(outcome.device),
        code_revision=outcome.code_revision,
        versions=_versions(),
    )
    card = Card(
        role=role,
        architecture=network.architecture,
        config=network.config.model_dump(mode="json"),
        profile=settings.profile,
        contract=describe_contract(network),
        degradation=PROFILES[settings.profile],
        training=training,
        metrics={"definitions": dict(DEFINITIONS), "validation": dict(outcome.validation)},
        teacher=settings.teacher,
        created=datetime.now(UTC).replace(microsecond=0),
        licence=settings.licence,
    )
    tensors = {name: tensor.cpu().numpy() for name, tensor in network.state_dict().items()}
    return save_weights(path, tensors, card)


def describe_session(code_revision: str, step: int, device: torch.device) -> dict[str, JsonValue]:
    """Return with what a run is begun, or taken up at a step."""
    return {
        "step": step,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "code_revision": code_revision,
        "hardware": describe_hardware(device),
        "versions": dict(_versions()),
    }


def _versions() -> dict[str, str]:
    """Return the versions of what decides pixels and numbers, as far as it is installed."""
    versions = {}
    for name in _RECORDED_PACKAGES:
        with suppress(PackageNotFoundError):  # PyAV: not every profile needs it
            versions[name] = version(name)
    return versions


def describe_hardware(device: torch.device) -> str:
    """Return what the training ran on, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} of {os.cpu_count()} threads, {platform.machine()}"


def find_code_revision() -> str:
    """Return the git commit of this code, marked if the tree differs from it.

    Where there is no git, as in an image, it is the environment's `TRAINER_REVISION`, or `unknown`.
    """
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        finished = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("TRAINER_REVISION", "unknown")
    return finished.stdout.strip()
