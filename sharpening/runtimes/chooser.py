"""Which runtime serves a weights file on this machine."""

from typing import Literal

from sharpening.runtimes.base import Runtime
from sharpening.weights import Weights

RuntimeName = Literal["auto", "torch"]


def choose_runtime(weights: Weights, name: RuntimeName = "auto", device: str = "auto") -> Runtime:
    """Return a runtime for the weights.

    `device` is `auto` (CUDA where there is one), `cpu` or `cuda[:N]`. Raises `DeviceError` for a
    device that is not there and `WeightsError` for tensors that do not fit the architecture.
    """
    match name:
        case "auto" | "torch":
            from sharpening.runtimes.torch import TorchRuntime, restore_network

            return TorchRuntime(restore_network(weights), device)
