"""Batches on their way to the network: drawn ahead by worker processes, in the run's order.

Pictures are memory-mapped, so the workers and every other process on the machine share one copy
of them, which the system drops when memory is short. What a feed holds besides is bounded by the
batches drawn ahead: `AHEAD` for each worker.
"""

import multiprocessing
import signal
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from trainer.patches import Sampler

AHEAD = 4


class Request(NamedTuple):
    """Which patches of the run a batch is made of; see `Sampler.draw`."""

    first: int
    patches: int
    patch_px: int


class _Patches(Dataset[dict[str, Tensor]]):
    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def __getitem__(self, request: Request) -> dict[str, Tensor]:
        drawn = self._sampler.draw(*request)
        return {name: torch.from_numpy(pixels) for name, pixels in drawn.items()}


def feed(
    sampler: Sampler, requests: Iterable[Request], *, workers: int = 0, pin: bool = False
) -> Iterator[dict[str, Tensor]]:
    """Yield the batches asked for: uint8 `(N, H, W, 3)` by plane.

    Without workers each is drawn when it is asked for. `pin` puts them into page-locked memory,
    from which a GPU copies beside its other work.
    """
    loader: DataLoader[dict[str, Tensor]] = DataLoader(
        _Patches(sampler),
        batch_size=None,
        sampler=requests,
        num_workers=workers,
        prefetch_factor=AHEAD if workers else None,
        pin_memory=pin,
        worker_init_fn=_leave_signals_to_the_run if workers else None,
        generator=torch.Generator(),  # not the process's own, whose state is part of the run
        multiprocessing_context=multiprocessing.get_context("fork") if workers else None,
    )
    yield from loader


def _leave_signals_to_the_run(_worker: int) -> None:
    """Ignore what stops the whole group of processes: the run decides, and workers end with it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
