"""What a picture costs, whether costs add up as they should, and what that comes to for any rate.

    python -m benchmarks.scale

Prints the CPU time, the bytes and the memory that one JPEG of 1280x720 px takes of a core; holds
what that foretells for all cores against what they do; and works out machines, memory and network
for rates up to a million pictures a second. `--gpu-pictures-per-s` adds GPUs that do so many, and
`--replicas 1 2` what so many replicas on Ray do. The machine must have nothing else to do.
"""

import argparse
import asyncio
import itertools
import math
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from benchmarks.cluster import serve_replicas, start_cluster
from benchmarks.server import REPOSITORY, start_server
from benchmarks.service import load, make_pictures
from service.cli.local import LocalService, open_local
from service.cli.pool import do_each
from service.processors import count_cpus
from service.settings import Settings

RATES = (1, 10, 30, 100, 1_000, 10_000, 100_000, 1_000_000)
USED = 0.7
"""Of a machine's cores: beyond that, waiting grows much faster than the work."""
CORES = 64
NETWORK_GBIT_S = 25
"""What one machine has, and its network."""

_WARM_UP = 3


@dataclass(frozen=True)
class Cost:
    """What one picture takes, and what a replica holds whatever it does."""

    core_s: float
    sent_bytes: int
    answered_bytes: int
    replica_bytes: int

    @property
    def network_bit(self) -> int:
        """Bits that pass for one picture, both ways together."""
        return (self.sent_bytes + self.answered_bytes) * 8


@dataclass(frozen=True)
class Need:
    """What a rate needs."""

    cores: float
    machines: int
    replica_gib: float
    network_gbit_s: float

    @property
    def is_bound_by_network(self) -> bool:
        """Whether it is the network that so many machines are needed for."""
        return self.machines > math.ceil(self.cores / CORES)


def reckon(cost: Cost, pictures_per_s: float) -> Need:
    """Return what so many pictures a second need, with a replica for each core."""
    cores = pictures_per_s * cost.core_s / USED
    gbit_s = pictures_per_s * cost.network_bit / 1e9
    machines = max(math.ceil(cores / CORES), math.ceil(gbit_s / (NETWORK_GBIT_S * USED)))
    return Need(cores, machines, math.ceil(cores) * cost.replica_bytes / 1024**3, gbit_s)


def main() -> None:
    """Print three tables."""
    options = _parse()
    pictures = make_pictures()
    cost = measure(pictures, options.seconds)
    print(_format_cost(cost))
    cpus = count_cpus()
    foretold, done = cpus / cost.core_s, measure_rate(pictures, options.seconds, cpus)
    print(f"\n{cpus} cores: {foretold:.2f} pictures/s foretold, {done:.2f} done", end="")
    print(f" ({done / foretold:.0%})\n")
    print(_format_needs(cost, options.gpu_pictures_per_s))
    if options.replicas:
        print(f"\n| replicas on Ray, of one core of {cpus} each | pictures/s |\n|---|---|")
        with start_cluster(nodes=1, cpus=max(options.replicas)) as cluster:
            for replicas in options.replicas:
                rate = measure_replicas(cluster, pictures, options.seconds, replicas)
                print(f"| {replicas} | {rate:.2f} |", flush=True)


def measure(pictures: list[bytes], seconds: float) -> Cost:
    """Return what pictures cost on one core; memory is that of a real server with one thread."""
    with open_local(_choose(workers=1)) as service:
        answers = [service.sharpen(picture).data for picture in pictures]  # which warms up
        began_s = time.process_time()
        count = _sharpen_for(seconds, service, pictures, jobs=1)
        core_s = (time.process_time() - began_s) / count
    return Cost(core_s, _mean(pictures), _mean(answers), measure_memory(pictures[0]))


def measure_rate(pictures: list[bytes], seconds: float, workers: int) -> float:
    """Return the pictures a second of so many workers of one thread each, all at once."""
    with open_local(_choose(workers)) as service:
        _sharpen_for(0, service, pictures, jobs=workers)
        began_s = time.perf_counter()
        count = _sharpen_for(seconds, service, pictures, jobs=workers)
        return count / (time.perf_counter() - began_s)


def measure_memory(picture: bytes) -> int:
    """Return the most memory that a server of one thread ever had after a few pictures."""
    settings = {"inference_threads": "1", "codec_workers": "1", "device": "cpu"}
    with (
        tempfile.TemporaryDirectory() as folder,
        start_server(Path(folder) / "log", **settings) as server,
    ):
        for _ in range(_WARM_UP):
            httpx.post(f"{server.url}/sharpen", content=picture, timeout=60).raise_for_status()
        return server.read_memory("VmHWM")


def measure_replicas(cluster: str, pictures: list[bytes], seconds: float, replicas: int) -> float:
    """Return the pictures a second of so many replicas, with twice as many clients."""
    count = str(replicas)
    settings = {"device": "cpu", "ray_min_replicas": count, "ray_max_replicas": count}
    with (
        tempfile.TemporaryDirectory() as folder,
        serve_replicas(cluster, Path(folder) / "log", **settings) as url,
    ):
        asyncio.run(load(url, pictures, 2 * replicas, seconds=0))
        began_s = time.perf_counter()
        tally = asyncio.run(load(url, pictures, 2 * replicas, seconds=seconds))
        return len(tally.latencies_s) / (time.perf_counter() - began_s)


def _sharpen_for(seconds: float, service: LocalService, pictures: list[bytes], jobs: int) -> int:
    """Sharpen for so long, and each job once at the least; return how many it were."""
    end_s = time.perf_counter() + seconds
    turns = itertools.takewhile(
        lambda turn: turn < jobs or time.perf_counter() < end_s, itertools.count()
    )
    work = partial(_sharpen_one, service=service, pictures=pictures)
    return sum(1 for _ in do_each(turns, work, jobs=jobs))


def _sharpen_one(turn: int, service: LocalService, pictures: list[bytes]) -> None:
    service.sharpen(pictures[turn % len(pictures)])


def _choose(workers: int) -> Settings:
    return Settings(
        weights_dir=REPOSITORY / "weights",
        device="cpu",
        inference_workers=workers,
        inference_threads=1,
        codec_workers=workers,
    )


def _mean(files: Iterable[bytes]) -> int:
    sizes = [len(data) for data in files]
    return round(sum(sizes) / len(sizes))


def _format_cost(cost: Cost) -> str:
    return "\n".join(
        [
            "| of one picture of 1280x720 px | |",
            "|---|---|",
            f"| pictures/s of one core | {1 / cost.core_s:.2f} |",
            f"| core ms | {cost.core_s * 1e3:.0f} |",
            f"| KB sent, KB answered | {cost.sent_bytes / 1e3:.0f}, "
            f"{cost.answered_bytes / 1e3:.0f} |",
            f"| MiB of a replica of one core | {cost.replica_bytes / 1024**2:.0f} |",
        ]
    )


def _format_needs(cost: Cost, gpu_pictures_per_s: float | None) -> str:
    titles = ["pictures/s", "cores", f"machines of {CORES} cores", "GiB of replicas", "Gbit/s"]
    titles += ["GPUs"] if gpu_pictures_per_s else []
    lines = [titles, ["---"] * len(titles)]
    for rate in RATES:
        need = reckon(cost, rate)
        network = " (network)" if need.is_bound_by_network else ""
        cells = [f"{rate:,}", f"{math.ceil(need.cores):,}", f"{need.machines:,}{network}"]
        cells += [f"{need.replica_gib:,.1f}", f"{need.network_gbit_s:,.2f}"]
        if gpu_pictures_per_s:
            cells.append(f"{math.ceil(rate / gpu_pictures_per_s / USED):,}")
        lines.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each of two measurements")
    parser.add_argument(
        "--gpu-pictures-per-s", type=float, metavar="N", help="what one GPU does, if known"
    )
    parser.add_argument(
        "--replicas",
        type=int,
        nargs="*",
        default=[],
        metavar="N",
        help="also serve by so many replicas on a Ray cluster on this machine",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
