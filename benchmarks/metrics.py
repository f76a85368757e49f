"""How long the figures of one pair of pictures take, ours beside scikit-image's.

    python -m benchmarks.metrics

The pictures are drawn: noise on a slope, and the same with a little more noise. What they show
makes no difference to the time.
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from sharpening.metrics import psnr, psnr_y, score, ssim, ssim_gaussian

Pixels = npt.NDArray[np.uint8]
Metric = Callable[[Pixels, Pixels], object]

OURS: dict[str, Metric] = {
    "psnr": psnr,
    "psnr_y": psnr_y,
    "ssim": ssim,
    "ssim_gaussian": ssim_gaussian,
    "all four": score,
}


def main() -> None:
    """Print the table."""
    options = _parse()
    pair = draw_pair(options.width, options.height)
    megapixels = options.width * options.height / 1e6
    print(
        f"{options.width}x{options.height} ({megapixels:.2f} megapixels): CPU time of all threads"
    )
    print(f"in ms, the best of {options.repeats} runs; memory beside the pictures' own in MB\n")
    print("| | ours | scikit-image | our memory | scikit-image's |\n|---|---|---|---|---|")
    theirs = _list_theirs()
    for name, ours in OURS.items():
        both = [ours, *([theirs[name]] if name in theirs else [])]
        times = [f"{time_ms(metric, pair, options.repeats):.0f}" for metric in both]
        sizes = [f"{measure_mb(metric, pair):.0f}" for metric in both]
        print(f"| {name} | {' | '.join(_fill(times))} | {' | '.join(_fill(sizes))} |")


def draw_pair(width: int, height: int) -> tuple[Pixels, Pixels]:
    """Return two pictures that differ by noise."""
    generator = np.random.default_rng(0)
    slope = np.linspace(40, 215, width)[:, np.newaxis]
    reference = slope + generator.normal(0, 20, (height, width, 3))
    image = reference + generator.normal(0, 8, reference.shape)
    first, second = (np.clip(np.rint(each), 0, 255).astype(np.uint8) for each in (reference, image))
    return first, second


def time_ms(metric: Metric, pair: tuple[Pixels, Pixels], repeats: int) -> float:
    """Return the least CPU time of several runs, all threads together."""
    best_s = float("inf")
    for _ in range(repeats):
        started_s = time.process_time()
        metric(*pair)
        best_s = min(best_s, time.process_time() - started_s)
    return best_s * 1e3


def measure_mb(metric: Metric, pair: tuple[Pixels, Pixels]) -> float:
    """Return the most that was allocated at one time."""
    tracemalloc.start()
    metric(*pair)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak_bytes / 1e6


def _list_theirs() -> dict[str, Metric]:
    def uniform(reference: Pixels, image: Pixels) -> object:
        return structural_similarity(reference, image, data_range=255, channel_axis=2)

    def gaussian(reference: Pixels, image: Pixels) -> object:
        return structural_similarity(
            reference,
            image,
            data_range=255,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )

    return {"psnr": peak_signal_noise_ratio, "ssim": uniform, "ssim_gaussian": gaussian}


def _fill(cells: list[str]) -> list[str]:
    return [*cells, "-"][:2]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metrics", description=__doc__)
    parser.add_argument("--width", type=int, default=1920)
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--repeats", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
