"""Time and memory of the student by the size of the picture, in a process that does nothing else.

    python -m benchmarks.scaling weights/paper-student.safetensors

Prints JSON, a row a size; `python -m benchmarks.engine` puts it into a table.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from benchmarks.server import REPOSITORY
from sharpening.degradation import PROFILES
from sharpening.engine import Engine
from sharpening.runtimes import Threads, choose_runtime
from sharpening.weights import load_weights

Pixels = npt.NDArray[np.uint8]

SIZES_MEGAPIXELS = (0.1, 0.4, 0.92, 2, 8, 24, 50)
_ROUNDS = 5


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    weights, threads = load_weights(options.weights), Threads(each=options.threads)
    runtime = choose_runtime(weights, device="cpu", precision="auto", threads=threads)
    print(json.dumps([_measure(Engine(runtime), size) for size in SIZES_MEGAPIXELS]))


def measure_in_new_process(weights: Path, threads: int) -> list[dict[str, float]]:
    """Return the rows; see `_measure`."""
    command = [sys.executable, "-m", "benchmarks.scaling", str(weights), f"--threads={threads}"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=REPOSITORY)
    rows: list[dict[str, float]] = json.loads(done.stdout)
    return rows


def _measure(engine: Engine, megapixels: float) -> dict[str, float]:
    """Return megapixels, milliseconds and the most MiB so far, beside both pictures."""
    width = round((megapixels * 1e6 * 16 / 9) ** 0.5)
    picture = fill_frame(round(megapixels * 1e6 / width), width)
    for _ in range(2):
        engine.sharpen(picture)
    taken_ms = statistics.median(time_ms(engine.sharpen, picture) for _ in range(_ROUNDS))
    size = picture.size / 3e6
    peak = max(0, _read_peak_bytes() - 2 * picture.nbytes) / 2**20
    return {"megapixels": size, "ms": taken_ms, "ms_per_megapixel": taken_ms / size, "mib": peak}


def read_example() -> Pixels:
    """Return the repository's sharp photograph, `(H, W, 3)` uint8 RGB."""
    with PillowImage.open(REPOSITORY / "examples" / "dog.png") as picture:
        return np.asarray(picture.convert("RGB"))


def fill_frame(height: int, width: int) -> Pixels:
    """Return that photograph, blurred, side by side until the frame is full."""
    tile = PROFILES["paper"].apply(read_example())
    rows = np.resize(np.arange(tile.shape[0]), height)
    columns = np.resize(np.arange(tile.shape[1]), width)
    return np.ascontiguousarray(tile[rows[:, np.newaxis], columns])


def time_ms(sharpen: Callable[[Pixels], Pixels], picture: Pixels) -> float:
    """Return the milliseconds that one call takes."""
    begun_s = time.perf_counter()
    sharpen(picture)
    return (time.perf_counter() - begun_s) * 1e3


def _read_peak_bytes() -> int:
    """Return 0 where there is no Linux; getrusage begins with the process before."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, flags=re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


if __name__ == "__main__":
    main()
