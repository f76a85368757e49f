"""The processes that share a training run: one by default, several under `torchrun`.

Each computes its part of every batch; PyTorch's DistributedDataParallel averages the gradients.
Only the first writes; what may differ between processes, the clock and signals, they agree on.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from sharpening.errors import TrainingError

_LONGEST_WAIT = timedelta(days=7)
"""The others wait while the first prepares photographs and asks the teacher about all of them."""


@dataclass(frozen=True)
class Team:
    """This process's place among `size`."""

    rank: int = 0
    size: int = 1
    place_on_machine: int = 0
    size_on_machine: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def choose_device(self, name: str) -> str:
        """Return the device for this process: each has a GPU of its own where there are GPUs.

        Raises `TrainingError` for one GPU that all would have to share.
        """
        if self.size == 1 or name == "cpu":
            return name
        if name not in {"auto", "cuda"}:
            raise TrainingError(
                f"{self.size} processes cannot share the device {name!r}: give auto, cpu or cuda"
            )
        return f"cuda:{self.place_on_machine}" if torch.cuda.is_available() else name

    def share_batch(self, batch_size: int) -> int:
        """Return each process's part; raises `TrainingError` unless all parts are equal."""
        if batch_size % self.size:
            raise TrainingError(
                f"a batch of {batch_size} cannot be shared by {self.size} processes: choose a "
                "batch_size that is a multiple of their number"
            )
        return batch_size // self.size

    def join(self, network: nn.Module) -> nn.Module:
        """Return the network as all processes train it together."""
        return nn.parallel.DistributedDataParallel(network) if self.size > 1 else network

    def agree(self, elapsed_s: float, signal_number: int) -> tuple[float, int]:
        """Return the first process's clock and any signal that one of them has received."""
        if self.size == 1:
            return elapsed_s, signal_number
        said = torch.tensor([elapsed_s if self.is_first else -1.0, signal_number]).double()
        dist.all_reduce(said, dist.ReduceOp.MAX)
        return float(said[0]), int(said[1])

    def tell_all(self, message: Any) -> Any:
        """Return what the first process has to say."""
        if self.size == 1:
            return message
        held = [message]
        dist.broadcast_object_list(held, src=0)
        return held[0]

    def check_agreed(self, what: str, value: str) -> None:
        """Raise `TrainingError` unless this process has the same as the first."""
        if self.tell_all(value) != value:
            raise TrainingError(
                f"{what} of process {self.rank} are not those of the first: give every machine "
                "the same folder"
            )

    @contextmanager
    def take_turns(self) -> Iterator[None]:
        """Let the first process of each machine through before the others of it."""
        if self.place_on_machine > 0:
            self.wait()
        yield
        if self.place_on_machine == 0:
            self.wait()

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.size > 1:
            dist.barrier()


ALONE = Team()


@contextmanager
def join_team() -> Iterator[Team]:
    """Join the processes that `torchrun` started together with this one, if it did."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    place, on_machine = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    has_cuda = torch.cuda.is_available()
    if has_cuda:
        torch.cuda.set_device(place)
    # what is agreed on lies in main memory, gradients lie where the network is
    dist.init_process_group("cpu:gloo,cuda:nccl" if has_cuda else "gloo", timeout=_LONGEST_WAIT)
    try:
        yield Team(dist.get_rank(), dist.get_world_size(), place, on_machine)
    finally:
        dist.destroy_process_group()
