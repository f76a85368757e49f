"""How many live frames a real server sharpens, how old they are when they come back, what flickers.

    python -m benchmarks.stream

A camera sends JPEGs of 1280x720, 30 a second whatever comes back, beside the server on the same
CPUs. The latency of a frame counts from when the camera had it to when its answer is read.

Flicker: a scene that does not move, with fresh noise in each frame, goes through H.264 as a call
codes it. What changes from frame to frame before a student and after it should be about the same.
"""

import argparse
import asyncio
import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from benchmarks.server import REPOSITORY, add_settings, start_server
from benchmarks.service import make_pictures
from service.client import AsyncSharpenClient, DroppedFrame, FailedFrame, FrameStream
from sharpening.degradation import PaperDegradation
from sharpening.degradation.compression import transcode
from sharpening.engine import Engine
from sharpening.evaluation import Sharpener
from sharpening.runtimes import choose_runtime
from sharpening.weights import load_weights

_WARM_UP_S = 1.0
_WARM_UP_FPS = 10.0
_SPANS = ("wait", "decode", "model", "encode")
_HEAD = (
    "| frames/s sent | sent | delivered | delivered/s | dropped: newer | busy | p50 ms | p95 ms "
    "| p99 ms | last quarter p50 | wait ms | decode | model | encode |"
)
_SCENE_PX = (640, 352)
_NOISE_LEVELS = 4.0
_RATE_FACTOR = 20
"""With a higher one, or less noise, x264 repeats the frame before, and nothing changes at all."""
_SETTLED = 5
"""Frames that x264 takes to settle on a scene."""

Pixels = npt.NDArray[np.uint8]


@dataclass
class Tally:
    """What the camera of one stream saw."""

    sent: int = 0
    latencies_s: list[float] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    spans_ms: Counter[str] = field(default_factory=Counter)

    @property
    def told(self) -> int:
        """Frames whose end is known."""
        return len(self.latencies_s) + self.dropped.total()

    def format_row(self, fps: float, seconds: float) -> str:
        """Return a row of the table."""
        delivered = len(self.latencies_s)
        p50, p95, p99 = np.percentile(self.latencies_s, [50, 95, 99]) * 1e3
        late = np.percentile(self.latencies_s[-max(1, delivered // 4) :], 50) * 1e3
        spans = " | ".join(f"{self.spans_ms[name] / delivered:.1f}" for name in _SPANS)
        return (
            f"| {fps:g} | {self.sent} | {delivered} | {delivered / seconds:.2f} "
            f"| {self.dropped['newer']} | {self.dropped['busy']} | {p50:.0f} | {p95:.0f} "
            f"| {p99:.0f} | {late:.0f} | {spans} |"
        )


def main() -> None:
    """Print both tables."""
    options = _parse()
    frames = make_pictures()
    with (
        tempfile.TemporaryDirectory() as folder,
        start_server(Path(folder) / "log", **dict(options.setting)) as server,
    ):
        asyncio.run(film(server.url, frames, fps=_WARM_UP_FPS, seconds=_WARM_UP_S))
        print(_HEAD)
        print("|" + "---|" * (_HEAD.count("|") - 1))
        for fps in options.fps:
            tally = asyncio.run(film(server.url, frames, fps=fps, seconds=options.seconds))
            print(tally.format_row(fps, options.seconds), flush=True)
    print()
    print_flicker(options.flicker_frames)


async def film(url: str, frames: Sequence[bytes], *, fps: float, seconds: float) -> Tally:
    """Send the frames over and over at a fixed rate, and read until each is told of."""
    tally = Tally()
    began_s = time.perf_counter()
    count = round(seconds * fps)
    async with AsyncSharpenClient(url) as client, client.stream() as stream:
        reading = asyncio.create_task(_read(stream, tally, count, began_s, fps))
        for number in range(count):
            await asyncio.sleep(began_s + number / fps - time.perf_counter())
            await stream.send(frames[number % len(frames)])
            tally.sent += 1
        await reading
    return tally


async def _read(stream: FrameStream, tally: Tally, count: int, began_s: float, fps: float) -> None:
    async for answer in stream:
        if isinstance(answer, FailedFrame):
            raise RuntimeError(answer.problem.detail)
        if isinstance(answer, DroppedFrame):
            tally.dropped[answer.reason] += 1
        else:
            had_s = began_s + answer.sequence / fps
            tally.latencies_s.append(time.perf_counter() - had_s)
            tally.spans_ms.update(answer.timings_ms)
        if tally.told == count:
            return


def print_flicker(count: int) -> None:
    """Print how much each student changes from frame to frame, against what it is given."""
    sharp = _draw_scene()
    scenes = {"sharp": sharp, "blurred as the paper does": PaperDegradation().apply(sharp)}
    print("| scene | model | input, levels | output, levels | output / input |")
    print("|---|---|---|---|---|")
    for name, scene in scenes.items():
        given = make_film(scene, count)
        for path in sorted((REPOSITORY / "weights").glob("*-student.safetensors")):
            weights = load_weights(path)
            before, after = measure_flicker(given, Engine(choose_runtime(weights)))
            label = f"`{weights.card.profile}` student (`{weights.name}`)"
            print(f"| {name} | {label} | {before:.3f} | {after:.3f} | {after / before:.3f} |")


def measure_flicker(frames: Sequence[Pixels], sharpener: Sharpener) -> tuple[float, float]:
    """Return the mean absolute change from frame to frame, in levels: given, and sharpened."""
    return _measure_change(frames), _measure_change([sharpener.sharpen(each) for each in frames])


def make_film(scene: Pixels, count: int) -> list[Pixels]:
    """Return frames of the scene, each with noise of its own, as H.264 leaves them."""
    generator = np.random.default_rng(1)
    noisy = [
        np.clip(scene + generator.normal(0, _NOISE_LEVELS, scene.shape), 0, 255)
        for _ in range(count + _SETTLED)
    ]
    return transcode([np.rint(each).astype(np.uint8) for each in noisy], _RATE_FACTOR)[_SETTLED:]


def _measure_change(frames: Sequence[Pixels]) -> float:
    changes = [
        np.abs(after.astype(np.int16) - before).mean()
        for before, after in itertools.pairwise(frames)
    ]
    return float(np.mean(changes))


def _draw_scene() -> Pixels:
    with PillowImage.open(REPOSITORY / "examples" / "dog.png") as photograph:
        sized = photograph.convert("RGB").resize(_SCENE_PX, PillowImage.Resampling.LANCZOS)
    return np.asarray(sized)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stream",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of each stream")
    parser.add_argument(
        "--fps", type=float, nargs="+", default=[30.0], help="frames a second, a stream for each"
    )
    parser.add_argument("--flicker-frames", type=int, default=60, help="of the still scene")
    add_settings(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
