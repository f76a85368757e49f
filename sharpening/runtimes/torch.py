"""PyTorch, on a CPU or on CUDA."""

import numpy as np
import torch

from sharpening.errors import DeviceError, WeightsError
from sharpening.networks import Network, build_network, count_parameters, move_network
from sharpening.runtimes.base import Batch, ComputePrecision
from sharpening.weights import Contract, Tensors, Weights, check_contract, check_numbers


class TorchRuntime:
    """Runs a network eagerly in float32, channels last (about twice as fast on a CPU)."""

    name = "torch"
    tile_px = 512

    def __init__(
        self,
        network: Network,
        device: str = "auto",
        *,
        low_precision: bool = False,
        threads: int = 0,
    ) -> None:
        """`low_precision` runs convolutions in bfloat16: quick where the device has it, inexact.

        `threads` is the number of CPU threads of a run; 0 leaves it to PyTorch.
        """
        self._low_precision = low_precision
        self._threads = threads
        self._device = choose_device(device)
        self._network = move_network(network, self._device).eval()

    @property
    def device(self) -> str:
        return str(self._device)

    @property
    def precision(self) -> ComputePrecision:
        return "bfloat16" if self._low_precision else "float32"

    @property
    def receptive_field_px(self) -> int:
        return self._network.receptive_field_px

    @property
    def multiple_of(self) -> int:
        return self._network.multiple_of

    @torch.inference_mode()
    def run(self, batch: Batch) -> Batch:
        if self._threads:
            torch.set_num_threads(self._threads)  # of the calling thread's runs alone
        low_precision = self._low_precision and batch.dtype == np.uint8
        largest = int(np.iinfo(batch.dtype).max)
        # PyTorch wants memory it may write to; pictures that are memory-mapped are not
        writable = np.require(batch, requirements=["C", "W"])
        blurred = torch.from_numpy(writable).to(self._device)
        # NHWC memory seen as NCHW is exactly channels_last: no copy
        scaled = blurred.permute(0, 3, 1, 2).to(torch.float32).div_(largest)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=low_precision):
            answer = self._network(scaled).float()
        sharpened = answer.mul_(largest).round_().clamp_(0, largest)
        integers = sharpened.permute(0, 2, 3, 1).to(blurred.dtype)
        result: Batch = integers.contiguous().cpu().numpy()
        return result

    def free_memory(self) -> None:
        """Keep what there is: PyTorch's memory is the allocator's, and the network small."""


def choose_device(name: str) -> torch.device:
    """Return the device of that name; `auto` is CUDA where there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"unknown device {name!r}; expected auto, cpu or cuda[:N]") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"device {name!r} is not there: PyTorch {torch.__version__} sees "
            f"{torch.cuda.device_count()} CUDA devices; use cpu or install a CUDA build"
        )
    if device.type not in {"cpu", "cuda"}:
        raise DeviceError(f"device {name!r} is not supported; expected auto, cpu or cuda[:N]")
    return device


def restore_network(weights: Weights) -> Network:
    """Return the network that the weights describe, with their tensors in it.

    Raises `WeightsError` if the tensors or the contract do not fit the architecture.
    """
    network = build_network(weights.card.architecture, dict(weights.card.config))
    check_contract(weights, describe_contract(network))
    check_numbers(weights.tensors, weights.card.precision)
    return restore_tensors(network, weights.tensors)


def restore_tensors(network: Network, tensors: Tensors) -> Network:
    """Put the tensors, all float32 or all float16, into the network, which is float32.

    Raises `WeightsError` unless all of them fit.
    """
    halves = all(tensor.dtype == np.float16 for tensor in tensors.values())
    check_numbers(tensors, "float16" if halves else "float32")
    state = {name: torch.from_numpy(tensor.astype(np.float32)) for name, tensor in tensors.items()}
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise WeightsError(
            f"the tensors do not fit the architecture {network.architecture!r}: {error}; "
            "use weights made for it"
        ) from error
    return network


def describe_contract(network: Network) -> Contract:
    """Return what the network declares of itself, as it stands in a weights file."""
    return Contract(
        receptive_field_px=network.receptive_field_px,
        multiple_of=network.multiple_of,
        parameters=count_parameters(network),
    )
