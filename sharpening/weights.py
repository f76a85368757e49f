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
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator
from safetensors import SafetensorError

from sharpening.degradation import Degradation
from sharpening.errors import WeightsError
from sharpening.files import write_atomically

FORMAT: Literal["sharpening-weights/1"] = "sharpening-weights/1"
DIGEST_CHARACTERS = 12

Tensors = Mapping[str, npt.NDArray[Any]]
Precision = Literal["float32", "float16"]


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
    teacher: str | None = Field(pattern="^[0-9a-f]{64}$")
    """SHA-256 of the teacher's weights file; none if there was no teacher."""
    created: datetime
    licence: str = Field(min_length=1)
    precision: Precision = "float32"
    """How the tensors are stored; whoever runs them turns them into float32.

    A file says so only where it is not float32: those of the first release lack the entry.
    """

    @model_validator(mode="after")
    def _one_profile(self) -> Self:
        if self.profile != self.degradation.profile:
            raise ValueError(
                f"profile is {self.profile!r} but the degradation is {self.degradation.profile!r}"
            )
        return self


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
    """Write a weights file whole or not at all and return the SHA-256 of its bytes.

    Raises `WeightsError` if it cannot be written.
    """
    data = encode_weights(tensors, card)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise WeightsError(f"cannot write the weights file {path}: {error}") from error
    return hashlib.sha256(data).hexdigest()


def encode_weights(tensors: Tensors, card: Card) -> bytes:
    """Return the bytes of a weights file; the same content gives the same bytes."""
    entries = card.model_dump(mode="json")
    if card.precision == "float32":
        del entries["precision"]
    metadata = {
        key: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for key, value in entries.items()
    }
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    return _order_header(safetensors.numpy.save(contiguous, metadata))


def convert_tensors(tensors: Tensors, precision: Precision) -> Tensors:
    """Return the tensors as numbers of that precision, each rounded to the nearest.

    Raises `WeightsError` for a number that is too large for float16.
    """
    with np.errstate(over="ignore"):
        converted = {name: tensor.astype(precision) for name, tensor in tensors.items()}
    for name, tensor in converted.items():
        if not np.isfinite(tensor).all():
            raise WeightsError(
                f"the tensor {name!r} holds {np.abs(tensors[name]).max()}; {precision} holds "
                f"numbers up to {np.finfo(precision).max}: store it as float32"
            )
    return converted


def _order_header(data: bytes) -> bytes:
    """Sort the header, which the library writes in random order, so that content decides digests.

    The header is 8 bytes of length and JSON, padded so that the tensors begin at a multiple of 8.
    """
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def load_weights(path: Path) -> Weights:
    """Read a weights file.

    Raises `WeightsError` for a file that is missing, damaged, of another format or whose metadata
    lacks an entry, has one too many or has a value that does not fit.
    """
    data = _read(path)
    tensors = _parse_tensors(path, data)
    card = _parse_card(path, _parse_metadata(data))
    return Weights(card, tensors, hashlib.sha256(data).hexdigest())


def load_tensors(path: Path) -> Tensors:
    """Read the tensors alone of a safetensors file that others wrote, such as reference weights."""
    return _parse_tensors(path, _read(path))


def check_contract(weights: Weights, actual: Contract) -> None:
    """Raise `WeightsError` unless the weights declare what their network is."""
    if actual != weights.card.contract:
        raise WeightsError(
            f"{weights.name} declares the contract {weights.card.contract}, but its "
            f"architecture {weights.card.architecture!r} has {actual}: export it again"
        )


def check_numbers(tensors: Tensors, precision: Precision) -> None:
    """Raise `WeightsError` unless all tensors are finite and of that precision."""
    for name, tensor in tensors.items():
        if tensor.dtype != precision or not np.isfinite(tensor).all():
            raise WeightsError(
                f"the tensor {name!r} is {tensor.dtype} or not finite; expected finite "
                f"{precision}: export the weights again"
            )


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


def _parse_metadata(data: bytes) -> dict[str, str]:
    """Return the metadata in the header of a complete file: 8 bytes of length, then JSON.

    The library reads them by path only, and by then the file may be another one.
    """
    length = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    return metadata


def _parse_card(path: Path, metadata: dict[str, str]) -> Card:
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"{path} has format {metadata.get('format')!r}; expected {FORMAT!r}: "
            "export it with `python -m trainer export` of this version"
        )
    required = {name for name, field in Card.model_fields.items() if field.is_required()}
    missing = sorted(required - set(metadata))
    if missing:
        raise WeightsError(f"{path} lacks the metadata {missing}: export it again")
    try:
        return Card.model_validate({key: _decode_entry(key, metadata[key]) for key in metadata})
    except (ValidationError, json.JSONDecodeError) as error:
        raise WeightsError(
            f"{path} has metadata that does not fit: {error}; export it again"
        ) from error


_PLAIN_ENTRIES = frozenset(
    {"format", "role", "architecture", "profile", "created", "licence", "precision"}
)


def _decode_entry(key: str, value: str) -> Any:
    if key in _PLAIN_ENTRIES or (key == "teacher" and value != "null"):
        return value
    return json.loads(value)
