"""Work on many pictures by a Ray cluster: each is a task, done where there is room.

Only items, results and errors come by here. Ray itself tries again what a lost machine was working
on.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from service.cli.local import LocalService, open_threads
from service.cli.pool import OF_ONE_PICTURE, Done, Failed, Item, Result
from service.models import load_models
from service.ray.share import reserve, take_share
from service.settings import Settings
from sharpening.errors import ImageError, SharpeningError, WeightsError

_AHEAD = 2
"""Pictures for each one that the cluster can work on at once, so that none of it waits."""

Work = Callable[[Item, LocalService], Result]
Weights = dict[str, bytes]


@dataclass(frozen=True)
class _Worker:
    """What a process of the cluster needs to make a service of its own.

    The weights come from whoever asks, so that every machine has the same ones.
    """

    settings: Settings
    weights: "ray.ObjectRef[Weights]"

    def __hash__(self) -> int:
        return hash(self.weights)


def do_each_on_cluster(
    items: Iterable[Item], work: Work[Item, Result], settings: Settings, *, address: str
) -> Iterator[Done[Item, Result] | Failed[Item]]:
    """Yield what came of each item as it is done, in no order, as `do_each` does here.

    `work` is given an item and a service to do it with, and is sent to the cluster. An `address` of
    "" is that of RAY_ADDRESS, or of a cluster on this machine that is started for it. Raises what
    is not the fault of one picture.
    """
    with _join_cluster(address):
        worker = _Worker(take_share(settings), ray.put(_read_weights(settings.weights_dir)))
        task = _do.options(**reserve(settings))
        running: dict[ray.ObjectRef[Result], Item] = {}
        for item in items:
            running[task.remote(worker, work, item)] = item
            while len(running) >= _count_places(settings) * _AHEAD:
                yield _take_done(running)
        while running:
            yield _take_done(running)


@ray.remote
def _do(worker: _Worker, work: Work[Any, Any], item: Any) -> Any:
    return work(item, _open_service(worker))


@lru_cache(maxsize=1)
def _open_service(worker: _Worker) -> LocalService:
    """Return the service of this process, which it keeps for the next picture."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in ray.get(worker.weights).items():
            Path(folder, name).write_bytes(data)
        settings = worker.settings.model_copy(update={"weights_dir": Path(folder)})
        return LocalService(load_models(settings), settings, open_threads(settings))


@contextmanager
def _join_cluster(address: str) -> Iterator[None]:
    """Be connected to the cluster, and if that is of our own doing, leave it in the end."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address=address or None, configure_logging=False, log_to_driver=False)
    except (ConnectionError, ValueError) as error:
        raise SharpeningError(f"cannot join the Ray cluster {address!r}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _take_done(
    running: "dict[ray.ObjectRef[Result], Item]",
) -> Done[Item, Result] | Failed[Item]:
    """Wait until one is done, and take it out."""
    (done,), _ = ray.wait(list(running), num_returns=1)
    item = running.pop(done)
    try:
        return Done(item, ray.get(done))
    except RayTaskError as error:
        if isinstance(error.cause, OF_ONE_PICTURE):
            return Failed(item, error.cause)
        if isinstance(error.cause, SharpeningError | OSError):
            raise error.cause from error
        raise
    except RayError as error:
        return Failed(item, ImageError(f"the process that worked on it died: {error}"))


def _count_places(settings: Settings) -> int:
    """Return how many pictures the cluster can work on at once now; it may grow and shrink."""
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    places = there.get("CPU", 0) / settings.ray_cpus
    if settings.ray_gpus:
        places = min(places, there.get("GPU", 0) / settings.ray_gpus)
    return max(1, int(places))


def _read_weights(folder: Path) -> Weights:
    weights = {path.name: path.read_bytes() for path in sorted(folder.glob("*.safetensors"))}
    if not weights:
        raise WeightsError(f"there are no weights in {folder}: name another folder by --weights")
    return weights
