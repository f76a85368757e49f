"""The service's verbs in this process: the same core, the same weights, no HTTP."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy.typing as npt

from service.cli.pictures import read_picture
from service.cli.pool import Failed, do_each
from service.cli.scores import score_pair, summarise_batch
from service.client import (
    BatchLine,
    Evaluation,
    ModelDescription,
    Pair,
    PictureFailure,
    PictureScores,
    Problem,
    Sharpened,
    SharpenOptions,
)
from service.client.calls import Source
from service.inference import limit_threads
from service.models import Model, ModelStore, load_models
from service.negotiation import choose_format
from service.problems import KINDS
from service.routes.models import describe_model
from service.settings import Settings
from sharpening.codec import FORMATS, MEDIA_TYPES, Format, Image, decode, encode
from sharpening.degradation import Degradation
from sharpening.engine import Engine
from sharpening.errors import ParameterError, SharpeningError
from sharpening.evaluation import evaluate

Pixels = npt.NDArray[Any]


class LocalService:
    """Sharpens and judges here; may be asked by several threads at once.

    Networks run in threads of their own, as many at once as the settings say, while the threads
    that ask decode, encode and measure.
    """

    def __init__(self, store: ModelStore, settings: Settings, threads: Executor) -> None:
        self._store = store
        self._settings = settings
        self._threads = threads

    @property
    def jobs(self) -> int:
        """How many pictures to give it at once: what keeps the networks busy, and no more."""
        return self._settings.inference_workers + self._settings.codec_workers

    @property
    def description(self) -> str:
        """Where the work is done, for a report."""
        return f"in this process, {self._threads.submit(_count_threads).result()}"

    def sharpen(self, image: Source, **options: Unpack[SharpenOptions]) -> Sharpened:
        """Return the picture sharpened; raises the core's errors."""
        model = self._store.get(options.get("model", "student"))
        requested = _check_format_name(options.get("format"))
        begun_s = time.perf_counter()
        source = decode(_read(image), max_pixels=self._settings.max_pixels)
        format_ = choose_format(source, requested=requested, accept=None)
        decoded_s = time.perf_counter()
        engine = _Turns(model.engine, self._threads)
        result = source.with_pixels(
            engine.sharpen(source.pixels, strength=options.get("strength", 1.0))
        )
        sharpened_s = time.perf_counter()
        data = encode(result, format_, quality=options.get("quality"))
        timings_ms = {
            "decode": (decoded_s - begun_s) * 1e3,
            "model": (sharpened_s - decoded_s) * 1e3,
            "encode": (time.perf_counter() - sharpened_s) * 1e3,
        }
        return Sharpened(data, MEDIA_TYPES[format_], model.name, None, timings_ms, None)

    def evaluate(self, reference: Source, image: Source | None = None) -> Evaluation:
        """Return how near to the reference each model brings `image`, or the reference blurred."""
        models = self._store.judged
        sharp, blurred, degradation = self._open_pair(reference, image, models)
        engines = {role: _Turns(model.engine, self._threads) for role, model in models.items()}
        evaluation, _ = evaluate(sharp.pixels, blurred.pixels, engines)
        scores = {role: score.model_dump() for role, score in evaluation.models.items()}
        return Evaluation.model_validate(
            evaluation.model_dump()
            | {"teacher": None, **scores}
            | {"models": {role: model.name for role, model in models.items()}}
            | {"degradation": degradation and degradation.model_dump(mode="json")}
        )

    def models(self) -> list[ModelDescription]:
        """Return what is loaded."""
        return [
            ModelDescription.model_validate(
                describe_model(model, self._store.names_of(model)).model_dump()
            )
            for model in self._store.models
        ]

    def evaluate_batch(self, pictures: Sequence[Pair]) -> Iterator[BatchLine]:
        """Yield a line for each pair as it is judged; last the summary."""
        judged: list[PictureScores] = []
        for outcome in do_each(pictures, partial(score_pair, self), jobs=self.jobs):
            if isinstance(outcome, Failed):
                yield PictureFailure(name=outcome.item.name, problem=_describe(outcome.error))
            else:
                judged.append(outcome.result)
                yield outcome.result
        yield summarise_batch(judged, len(pictures))

    def _open_pair(
        self, reference: Source, image: Source | None, models: Mapping[str, Model]
    ) -> tuple[Image, Image, Degradation | None]:
        max_pixels = self._settings.max_evaluate_pixels
        sharp = decode(_read(reference), max_pixels=max_pixels)
        if image is not None:
            return sharp, decode(_read(image), max_pixels=max_pixels), None
        degradation = models["student"].card.degradation
        return sharp, sharp.with_pixels(degradation.apply(sharp.pixels)), degradation


class _Turns:
    """An engine that runs in the networks' threads, when its turn has come."""

    def __init__(self, engine: Engine, threads: Executor) -> None:
        self._engine = engine
        self._threads = threads

    def sharpen(self, blurred: Pixels, *, strength: float = 1.0) -> Pixels:
        work = partial(self._engine.sharpen, blurred, strength=strength)
        return self._threads.submit(work).result()


@contextmanager
def open_local(settings: Settings) -> Iterator[LocalService]:
    """Load the weights that the settings name; raises what `load_models` raises."""
    store = load_models(settings)
    initializer = partial(limit_threads, settings.inference_threads)
    with ThreadPoolExecutor(settings.inference_workers, "model", initializer) as threads:
        yield LocalService(store, settings, threads)


def _describe(error: SharpeningError) -> Problem:
    kind = next(KINDS[ancestor] for ancestor in type(error).__mro__ if ancestor in KINDS)
    return Problem(type=kind.slug, title=kind.title, status=kind.status, detail=str(error))


def _count_threads() -> str:
    import torch  # loaded with the weights, and not by this module for those who only ask

    return f"{torch.get_num_threads()} threads"


def _check_format_name(name: str | None) -> Format | None:
    if name is None:
        return None
    for format_ in FORMATS:
        if format_ == name:
            return format_
    raise ParameterError(f"unknown format {name!r}; expected one of {', '.join(FORMATS)}")


def _read(source: Source) -> bytes:
    return source if isinstance(source, bytes) else read_picture(Path(source))
