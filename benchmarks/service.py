"""How much a real server process does, how long its clients wait, and what is not the model's time.

    python -m benchmarks.service

Each client sends blurred JPEGs of 1280x720 one after the other and comes again when it is told to,
which it waits for as well. Meanwhile somebody asks `/health/live`. The clients run beside the
server, on the same CPUs. With one client, what is not the model's time is all the rest that it
waits: sending, decoding, encoding. With more they wait for each other, and it says nothing.
"""

import argparse
import asyncio
import io
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from benchmarks.server import REPOSITORY, add_settings, start_litserve, start_server
from service.client.calls import read_timings
from sharpening.degradation import PaperDegradation

_SIZE_PX = (1280, 720)
_PICTURES = 4
_WARM_UP = 8
_HEALTH_EVERY_S = 0.1
_PATIENCE_S = 300
Post = Callable[[httpx.AsyncClient, bytes], Awaitable[httpx.Response]]

_HEAD = (
    "| clients | pictures/s | megapixels/s | p50 s | p95 s | p99 s | shed | not the model's "
    "| health p50 ms | p99 ms |"
)


@dataclass
class Tally:
    """What the clients of one round saw."""

    latencies_s: list[float] = field(default_factory=list)
    shed: int = 0
    stages_ms: dict[str, list[float]] = field(default_factory=dict)
    health_s: list[float] = field(default_factory=list)

    def note(self, latency_s: float, server_timing: str | None) -> None:
        """Take in one picture."""
        self.latencies_s.append(latency_s)
        stages = read_timings(server_timing or "")
        stages["all else: sending, HTTP"] = latency_s * 1e3 - sum(stages.values())
        for stage, taken_ms in stages.items():
            self.stages_ms.setdefault(stage, []).append(taken_ms)

    def format_row(self, clients: int, seconds: float) -> str:
        """Return a row of the table."""
        count = len(self.latencies_s)
        p50, p95, p99 = np.percentile(self.latencies_s, [50, 95, 99])
        health = np.percentile(self.health_s, [50, 99]) * 1e3
        megapixels = count * _SIZE_PX[0] * _SIZE_PX[1] / 1e6
        model_s = sum(self.stages_ms.get("model", [])) / 1e3
        others = f"{1 - model_s / sum(self.latencies_s):.1%}" if model_s and clients == 1 else "-"
        return (
            f"| {clients} | {count / seconds:.2f} | {megapixels / seconds:.2f} | {p50:.3f} "
            f"| {p95:.3f} | {p99:.3f} | {self.shed / (count + self.shed):.1%} "
            f"| {others} | {health[0]:.1f} | {health[1]:.1f} |"
        )

    def format_budget(self) -> str:
        """Return where the time of one client's median picture goes, a row a stage."""
        rows = [
            f"| {stage} | {statistics.median(taken):.1f} |"
            for stage, taken in self.stages_ms.items()
        ]
        return "\n".join(["| one client, a picture | median ms |", "|---|---|", *rows])


def main() -> None:
    """Print the tables."""
    options = _parse()
    pictures = make_pictures()
    with (
        tempfile.TemporaryDirectory() as folder,
        start_server(Path(folder) / "log", **dict(options.setting)) as server,
    ):
        asyncio.run(load(server.url, pictures, 1, seconds=0, at_least=_WARM_UP))
        print(f"ready after {server.ready_after_s:.1f} s\n\n{_HEAD}")
        print("|" + "---|" * (_HEAD.count("|") - 1))
        for clients in options.clients:
            started_s = time.perf_counter()
            tally = asyncio.run(load(server.url, pictures, clients, seconds=options.seconds))
            print(tally.format_row(clients, time.perf_counter() - started_s), flush=True)
            if clients == 1:
                budget = tally.format_budget()
        if 1 in options.clients:
            print(f"\n{budget}")
    if options.litserve:
        _measure_litserve(pictures, options)


async def _post_ours(client: httpx.AsyncClient, picture: bytes) -> httpx.Response:
    return await client.post("/sharpen", content=picture)


async def _post_litserve(client: httpx.AsyncClient, picture: bytes) -> httpx.Response:
    return await client.post("/predict", files={"image": picture})


def _measure_litserve(pictures: Sequence[bytes], options: argparse.Namespace) -> None:
    with start_litserve(REPOSITORY / "weights" / "call-student.safetensors") as url:
        ask = partial(load, url, pictures, post=_post_litserve, watch="/health")
        asyncio.run(ask(1, seconds=0, at_least=_WARM_UP))
        print(f"\nThe same student behind LitServe:\n\n{_HEAD}")
        print("|" + "---|" * (_HEAD.count("|") - 1))
        for clients in options.clients:
            started_s = time.perf_counter()
            tally = asyncio.run(ask(clients, seconds=options.seconds))
            print(tally.format_row(clients, time.perf_counter() - started_s), flush=True)


def make_pictures() -> list[bytes]:
    """Return JPEGs of 1280x720 made of the photograph in `examples/`, blurred, all different."""
    with PillowImage.open(REPOSITORY / "examples" / "dog.png") as photograph:
        enlarged = photograph.convert("RGB").resize(_SIZE_PX, PillowImage.Resampling.LANCZOS)
    sharp: npt.NDArray[np.uint8] = np.asarray(enlarged)
    return [
        _to_jpeg(PaperDegradation().apply(np.roll(sharp, 37 * number, axis=1)))
        for number in range(_PICTURES)
    ]


def _to_jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, "jpeg", quality=90)
    return buffer.getvalue()


async def load(
    url: str,
    pictures: Sequence[bytes],
    clients: int,
    *,
    seconds: float,
    at_least: int = 1,
    post: Post = _post_ours,
    watch: str = "/health/live",
) -> Tally:
    """Have so many clients ask for so long, and return what they saw."""
    tally = Tally()
    until_s = time.perf_counter() + seconds
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=_PATIENCE_S) as client:
        watching = asyncio.create_task(_ask_health(client, tally, watch))
        sending = [
            _send(partial(post, client, pictures[number % len(pictures)]), tally, until_s, at_least)
            for number in range(clients)
        ]
        await asyncio.gather(*sending)
        watching.cancel()
    return tally


async def _send(
    post: Callable[[], Awaitable[httpx.Response]], tally: Tally, until_s: float, at_least: int
) -> None:
    sent, started_s = 0, time.perf_counter()
    while sent < at_least or time.perf_counter() < until_s:
        answer = await post()
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            tally.shed += 1
            await asyncio.sleep(float(answer.headers["Retry-After"]))
            continue
        answer.raise_for_status()
        sent += 1
        tally.note(time.perf_counter() - started_s, answer.headers.get("Server-Timing"))
        started_s = time.perf_counter()


async def _ask_health(client: httpx.AsyncClient, tally: Tally, path: str) -> None:
    while True:
        started_s = time.perf_counter()
        (await client.get(path)).raise_for_status()
        tally.health_s.append(time.perf_counter() - started_s)
        await asyncio.sleep(_HEALTH_EVERY_S)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.service",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--seconds", type=float, default=15.0, help="of each round")
    parser.add_argument("--litserve", action="store_true", help="the same student there as well")
    add_settings(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
