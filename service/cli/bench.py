"""`sharpen bench`: how long each loaded model takes for a 720p picture."""

import argparse
import io
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as PillowImage

from service.cli.place import Service, add_place_options, open_place
from service.client import ModelDescription
from sharpening.errors import ParameterError

WIDTH_PX, HEIGHT_PX = 1280, 720
_LEAST_RUNS = 3

_DESCRIPTION = f"""Measure how fast each loaded model sharpens a picture of {WIDTH_PX}x{HEIGHT_PX}:
medians of the model's own time, and of the whole with decoding, encoding and, with --url, the
network. Other work on the machine shows in the figures."""


@dataclass(frozen=True)
class Speed:
    """Median milliseconds of one model, of itself and of the whole."""

    model: ModelDescription
    model_ms: float
    whole_ms: float
    runs: int

    @property
    def megapixels_per_s(self) -> float:
        """By the model's own time."""
        return WIDTH_PX * HEIGHT_PX / 1e3 / self.model_ms


def run(arguments: Sequence[str]) -> int:
    """Measure and print a table."""
    options = _build_parser().parse_args(arguments)
    picture = _draw_picture()
    with open_place(options) as place:
        models = [
            model
            for model in place.service.models()
            if options.model is None or options.model in model.names
        ]
        if not models:
            raise ParameterError(f"no loaded model is called {options.model!r}")
        speeds = [_measure(place.service, model, picture, options.seconds) for model in models]
        print(_format(speeds))
        print(f"\n{WIDTH_PX}x{HEIGHT_PX}, PNG in and out, {place.description}")
    return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sharpen bench", description=_DESCRIPTION)
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="for each model, about (default: %(default)s)"
    )
    parser.add_argument("--model", help="that one alone")
    add_place_options(parser)
    return parser


def _draw_picture() -> bytes:
    """Return a PNG of soft shapes and a little noise, which compresses about as photographs do."""
    generator = np.random.default_rng(1)
    coarse = generator.integers(0, 256, (HEIGHT_PX // 80, WIDTH_PX // 80, 3), dtype=np.uint8)
    size = WIDTH_PX, HEIGHT_PX
    shapes = PillowImage.fromarray(coarse).resize(size, PillowImage.Resampling.BICUBIC)
    noise = generator.normal(0, 2, (HEIGHT_PX, WIDTH_PX, 3))
    pixels = np.clip(np.asarray(shapes) + noise, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def _measure(service: Service, model: ModelDescription, picture: bytes, seconds: float) -> Speed:
    """Sharpen again and again for so long; the first time, which warms up, does not count."""
    model_ms: list[float] = []
    whole_ms: list[float] = []
    service.sharpen(picture, model=model.name)
    begun_s = time.perf_counter()
    while len(whole_ms) < _LEAST_RUNS or time.perf_counter() - begun_s < seconds:
        asked_s = time.perf_counter()
        sharpened = service.sharpen(picture, model=model.name)
        whole_ms.append((time.perf_counter() - asked_s) * 1e3)
        model_ms.append(sharpened.timings_ms["model"])
    return Speed(model, statistics.median(model_ms), statistics.median(whole_ms), len(whole_ms))


def _format(speeds: Sequence[Speed]) -> str:
    lines = [
        "| model | parameters | runtime | model, ms | whole, ms | megapixels/s | runs |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {speed.model.name} | {speed.model.parameters:,} "
        f"| {speed.model.runtime} on {speed.model.device}, {speed.model.precision} "
        f"| {speed.model_ms:.1f} "
        f"| {speed.whole_ms:.1f} | {speed.megapixels_per_s:.2f} | {speed.runs} |"
        for speed in speeds
    ]
    return "\n".join(lines)
