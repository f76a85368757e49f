"""The weights file: safetensors with metadata that says what the numbers are.

The only module that knows the format. It never unpickles, never guesses an architecture and never
accepts missing or unknown metadata. It does not import PyTorch: tensors are NumPy arrays here.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from safetensors import SafetensorError, safe_open

from sharpening.degradation import Degradation
from sharpening.errors import WeightsError
from sharpening.files import write_atomically

FORMAT: Literal["sharpening-weights/1"] = "sharpening-weights/1"
DIGEST_CHARACTERS = 12

Tensors = Mapping[str, npt.NDArray[Any]]


class Contract(BaseModel):
    """What a network takes, gives and looks at; checked against the network that is built."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layout: Literal["RGB, NCHW, float32 in [0, 1]"] = "RGB, NCHW, float32 in [0, 1]"
    receptive_field_px: int = Field(ge=0)
    multiple_of: int = Field(ge=1)
    parameters: int = Field(ge=1)


class Training(BaseModel):
    """How the numbers came to be, in full enough detail to do it again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: dict[str, JsonValue]
    steps: int = Field(ge=0)
    images_seen: int = Field(ge=0)
    minutes: float = Field(ge=0)
    data_hash: str
    photographs: int = Field(ge=0)
    seed: int
    hardware: str
    code_revision: str
    versions: dict[str, str]


class Card(BaseModel):
    """Everything that a weights file says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["sharpening-weights/1"] = FORMAT
    role: Literal["student", "teacher"]
    architecture: str
    config: dict[str, JsonValue]
    profile: str
    contract: Contract
    degradation: Degradation
    training: Training
    metrics: dict[str, JsonValue]
    teacher: str | None
    """SHA-256 of the teacher's weights file; none if there was no teacher."""
    created: datetime
    licence: str = Field(min_length=1)


@dataclass(frozen=True)
class Weights:
    """A weights file as read: its card, its tensors and the SHA-256 of its bytes."""

    card: Card
    tensors: Tensors
    sha256: str

    @property
    def name(self) -> str:
        """`role@digest`, the short name of the model everywhere."""
        return f"{self.card.role}@{self.sha256[:DIGEST_CHARACTERS]}"


def save_weights(path: Path, tensors: Tensors, card: Card) -> str:
    """Write a weights file whole or not at all and return the SHA-256 of its bytes."""
    metadata = {
        key: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for key, value in card.model_dump(mode="json").items()
    }
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    data = safetensors.numpy.save(contiguous, metadata)
    write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()


def load_weights(path: Path) -> Weights:
    """Read a weights file.

    Raises `WeightsError` for a file that is missing, damaged, of another format or whose metadata
    lacks an entry, has one too many or has a value that does not fit.
    """
    data = _read(path)
    card = _parse_card(path, _metadata(path))
    return Weights(card, _parse_tensors(path, data), hashlib.sha256(data).hexdigest())


def load_tensors(path: Path) -> Tensors:
    """Read the tensors alone of a safetensors file that others wrote, such as reference weights."""
    return _parse_tensors(path, _read(path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"cannot read the weights file {path}: {error.strerror}: check the path"
        ) from error


def _parse_tensors(path: Path, data: bytes) -> Tensors:
    try:
        return safetensors.numpy.load(data)
    except (SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{path} is not a complete safetensors file ({error}): copy or export it again"
        ) from error


def _metadata(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, framework="numpy") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path} is not a complete safetensors file ({error}): copy or export it again"
        ) from error


def _parse_card(path: Path, metadata: dict[str, str]) -> Card:
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"{path} has format {metadata.get('format')!r}; expected {FORMAT!r}: "
            "export it with `python -m trainer export` of this version"
        )
    missing = sorted(set(Card.model_fields) - set(metadata))
    if missing:
        raise WeightsError(f"{path} lacks the metadata {missing}: export it again")
    try:
        return Card.model_validate({key: _decode_entry(key, metadata[key]) for key in metadata})
    except (ValidationError, json.JSONDecodeError) as error:
        raise WeightsError(
            f"{path} has metadata that does not fit: {error}; export it again"
        ) from error


_PLAIN_ENTRIES = frozenset({"format", "role", "architecture", "profile", "created", "licence"})


def _decode_entry(key: str, value: str) -> Any:
    if key in _PLAIN_ENTRIES or (key == "teacher" and value != "null"):
        return value
    return json.loads(value)
