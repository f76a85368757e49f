"""How fast patches come, beside how fast they are used: `python -m trainer bench-data`."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image as PillowImage

from sharpening.degradation import PROFILES, Degradation
from sharpening.runtimes.torch import choose_device
from trainer.config import Config
from trainer.feed import Request, feed
from trainer.loop import Job, learn
from trainer.photographs import Photograph, find_photographs
from trainer.randomness import compute_reproducibly
from trainer.runs import RunFolder
from trainer.stages import Origins, Place, Role, TrainingRun

_SEED = 1


@dataclass(frozen=True)
class Rate:
    """Patches a second."""

    name: str
    patches_per_s: float
    patch_px: int

    @property
    def megapixels_per_s(self) -> float:
        """The same in megapixels of one plane."""
        return self.patches_per_s * self.patch_px**2 / 1e6


def bench_data(config: Config, place: Place, *, seconds: float) -> list[Rate]:
    """Measure, each for so many seconds, one after the other and in this order:

    the paper's way of loading patches, the feed of this trainer, and the training step of the
    student and of the teacher on a batch that is already there. All at the student's patch size,
    but for the teacher.
    """
    photographs = find_photographs(place.photographs).photographs
    rates: list[Rate] = []
    compute_reproducibly(choose_device(place.device))
    with TemporaryDirectory() as folder:
        for role in ("student", "teacher"):
            run = TrainingRun(role, getattr(config, role), config, place, Origins())
            job, usable, _ = run.prepare(photographs, RunFolder(Path(folder)))
            if role == "student":
                rates.append(_measure_paper(usable, PROFILES[config.profile], job, seconds))
                rates.append(_measure_feed(job, seconds))
            rates.append(_measure_step(role, run, job, seconds))
    return rates


def format_rates(rates: Sequence[Rate]) -> str:
    """Return a Markdown table, and how many times faster the feed is than all the others."""
    lines = ["| | patch | patches/s | megapixels/s |", "|---|---|---|---|"]
    lines += [
        f"| {rate.name} | {rate.patch_px} px | {rate.patches_per_s:,.0f} "
        f"| {rate.megapixels_per_s:,.2f} |"
        for rate in rates
    ]
    (ours,) = (rate for rate in rates if rate.name.startswith(_FEED))
    ratios = [
        f"the feed gives {ours.megapixels_per_s / rate.megapixels_per_s:.1f} times the megapixels "
        f"of: {rate.name}"
        for rate in rates
        if rate is not ours
    ]
    return "\n".join([*lines, "", *ratios])


def load_as_the_paper(
    path: Path, degradation: Degradation, patch_px: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return a random patch, sharp and blurred, by opening and decoding the whole file for it."""
    with PillowImage.open(path) as opened:
        picture = opened.convert("RGB")
    left = int(generator.integers(picture.width - patch_px + 1))
    top = int(generator.integers(picture.height - patch_px + 1))
    sharp = np.asarray(picture.crop((left, top, left + patch_px, top + patch_px)))
    return sharp, degradation.apply(sharp, generator)


_FEED = "feed"


def _measure_paper(
    photographs: Sequence[Photograph], degradation: Degradation, job: Job, seconds: float
) -> Rate:
    generator, patch_px = np.random.default_rng(_SEED), job.schedule.patch_px

    def load() -> int:
        photograph = photographs[int(generator.integers(len(photographs)))]
        load_as_the_paper(photograph.path, degradation, patch_px, generator)
        return 1

    name = "the paper's loading (open, crop, blur; one process)"
    return Rate(name, _measure(load, seconds), patch_px)


def _measure_feed(job: Job, seconds: float) -> Rate:
    size, patch_px = job.schedule.batch_size, job.schedule.patch_px
    requests = (Request(step * size, size, patch_px) for step in range(2**62))
    batches = feed(job.sampler, requests, workers=job.workers, pin=job.device.type == "cuda")
    name = f"{_FEED} ({job.workers} workers)" if job.workers else f"{_FEED} (in this process)"
    return Rate(name, _measure(lambda: len(next(batches)["sharp"]), seconds), patch_px)


def _measure_step(role: Role, run: TrainingRun, job: Job, seconds: float) -> Rate:
    learner = run.begin(None, photographs=job.sampler.photographs)
    size, patch_px = job.schedule.batch_size, job.schedule.patch_px
    batch = next(feed(job.sampler, [Request(0, size, patch_px)]))

    def step() -> int:
        images, losses = learn(learner, learner.network, job, batch, job.schedule.learning_rate)
        float(losses["loss"])  # waits for the device
        return images

    name = f"training step of the {role} ({job.device})"
    return Rate(name, _measure(step, seconds), patch_px)


def _measure(work: Callable[[], int], seconds: float) -> float:
    """Return what the work comes to a second, once it has warmed up."""
    work()
    done, begun_at_s = 0, time.perf_counter()
    while (elapsed_s := time.perf_counter() - begun_at_s) < seconds or not done:
        done += work()
    return done / elapsed_s
