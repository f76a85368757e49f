"""Which runtime serves a weights file on this machine."""

import ctypes
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from sharpening.errors import DeviceError
from sharpening.runtimes.base import ONE_RUN, ComputePrecision, Runtime, Threads
from sharpening.weights import Weights

RuntimeName = Literal["auto", "openvino", "torch"]
Precision = Literal["auto", "float32", "bfloat16"]


def choose_runtime(
    weights: Weights,
    name: RuntimeName = "auto",
    device: str = "auto",
    *,
    precision: Precision = "float32",
    threads: Threads = ONE_RUN,
) -> Runtime:
    """Return a runtime for the weights.

    `auto` is PyTorch on a GPU and, where there is none, OpenVINO if it is installed and runs the
    architecture. `device` is `auto` (CUDA where there is one), `cpu` or `cuda[:N]`; `precision`
    `auto` is bfloat16 on a CPU that multiplies matrices in it. Raises `DeviceError` for a device
    or runtime that is not there and `WeightsError` for tensors that do not fit the architecture.
    """
    if name == "torch" or (name == "auto" and not _suits_openvino(weights, device)):
        return _open_torch(weights, device, precision, threads)
    if device not in ("auto", "cpu"):
        raise DeviceError(f"the runtime openvino has no device {device!r}; use cpu, or torch")
    if find_spec("openvino") is None:
        raise DeviceError("OpenVINO is not installed: pip install 'sharpening-service[service]'")
    from sharpening.runtimes.openvino import OpenVinoRuntime

    return OpenVinoRuntime(weights, precision=_resolve(precision), threads=threads)


def _suits_openvino(weights: Weights, device: str) -> bool:
    on_cpu = device == "cpu" or (device == "auto" and not _sees_gpu())
    if not on_cpu or find_spec("openvino") is None:
        return False
    from sharpening.runtimes.openvino import runs_architecture

    return runs_architecture(weights.card.architecture)


def _open_torch(weights: Weights, device: str, precision: Precision, threads: Threads) -> Runtime:
    if find_spec("torch") is None:
        raise DeviceError(
            f"PyTorch, which {weights.name} needs here, is not installed: "
            "pip install 'sharpening-service[torch]'"
        )
    from sharpening.runtimes.torch import TorchRuntime, restore_network

    network = restore_network(weights)
    low_precision = precision == "bfloat16"
    return TorchRuntime(network, device, low_precision=low_precision, threads=threads.each)


def _sees_gpu() -> bool:
    """Whether PyTorch has a GPU; it is loaded, which takes a second, only if there is a driver."""
    if find_spec("torch") is None or not _has_driver():
        return False
    import torch

    return torch.cuda.is_available()


def _has_driver() -> bool:
    for library in ("libcuda.so.1", "nvcuda.dll"):
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return True
    return False


def _resolve(precision: Precision) -> ComputePrecision:
    if precision == "auto":
        return "bfloat16" if multiplies_bfloat16() else "float32"
    return precision


def multiplies_bfloat16(*, cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies matrices of bfloat16 (AMX)."""
    try:
        return "amx_bf16" in cpuinfo.read_text(encoding="ascii", errors="replace")
    except OSError:  # not Linux
        return False
