"""Every random state that a process has, to be written down and taken up again.

Patches do not depend on any of them (see `patches`), nor do today's networks; a task or a network
that draws numbers of its own is then resumable from its first day.
"""

import os
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def compute_reproducibly(device: torch.device) -> None:
    """Let the same run come to the same bits on CUDA too, as on a CPU it does anyway.

    Where an operation has no such form PyTorch says so, and takes the other.
    """
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True, warn_only=True)


def read_random_states() -> dict[str, Any]:
    """Return the states of Python, NumPy, PyTorch and its CUDA devices, as plain values."""
    algorithm, keys, *rest = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": (algorithm, torch.from_numpy(np.array(keys, dtype=np.int64)), *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_states(states: Mapping[str, Any]) -> None:
    """Take up what `read_random_states` returned; CUDA's only where as many devices are there."""
    algorithm, keys, *rest = states["numpy"]
    random.setstate(states["python"])
    np.random.set_state((algorithm, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
