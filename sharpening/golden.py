"""The golden pair: a small picture and what a model makes of it, to hold any runtime against.

An uncompressed `.npz` beside the weights file, with the digest of the weights that made it. Never
runs a network by itself, never unpickles, and does not import PyTorch.
"""

import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sharpening.errors import WeightsError
from sharpening.runtimes import Runtime

Pixels = npt.NDArray[np.uint8]

TOLERANCE = 1
"""Grey levels by which two ways to run one model may differ."""


@dataclass(frozen=True)
class Golden:
    """A picture, `(H, W, 3)` uint8 RGB, and the model's answer, of the same shape."""

    blurred: Pixels
    sharpened: Pixels
    sha256: str
    """SHA-256 of the weights file that made the answer."""


def name_golden(weights: Path) -> Path:
    """Return where the golden pair of a weights file lies: `NAME.golden.npz` beside it."""
    return weights.with_suffix(".golden.npz")


def encode_golden(golden: Golden) -> bytes:
    """Return the bytes of the file; the same pair gives the same bytes."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        blurred=golden.blurred,
        sharpened=golden.sharpened,
        sha256=np.array(golden.sha256),
    )
    return buffer.getvalue()


def load_golden(path: Path) -> Golden:
    """Read a golden pair.

    Raises `WeightsError` for a file that is missing, damaged or holds anything else.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            golden = Golden(arrays["blurred"], arrays["sharpened"], str(arrays["sha256"]))
    except FileNotFoundError as error:
        raise WeightsError(f"there is no golden pair {path}: export the weights again") from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path} is not a complete golden pair ({error}): export the weights again"
        ) from error
    _check_pair(path, golden)
    return golden


def largest_difference(golden: Golden, runtime: Runtime) -> int:
    """Return by how many grey levels the runtime's answer differs where it differs most.

    `TOLERANCE` is allowed. The pair's sides are multiples of the `multiple_of` of its own model; a
    runtime of another one may raise.
    """
    answer = runtime.run(golden.blurred[np.newaxis])[0]
    return int(np.abs(answer.astype(np.int64) - golden.sharpened).max())


def _check_pair(path: Path, golden: Golden) -> None:
    blurred, sharpened = golden.blurred, golden.sharpened
    pictures = blurred.dtype == sharpened.dtype == np.uint8 and blurred.ndim == 3
    if not pictures or blurred.shape != sharpened.shape or blurred.shape[2] != 3:
        raise WeightsError(
            f"{path} holds {blurred.shape} {blurred.dtype} and {sharpened.shape} "
            f"{sharpened.dtype}; expected two (H, W, 3) pictures of uint8: export the weights again"
        )
    if not re.fullmatch("[0-9a-f]{64}", golden.sha256):
        raise WeightsError(
            f"{path} names the weights {golden.sha256!r}; expected a SHA-256: export them again"
        )
