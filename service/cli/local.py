"""The service's verbs in this process: the same core, the same weights, no HTTP."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Unpack

import numpy.typing as npt

from service.batches.lines import PictureLine, summarise_lines
from service.cli.pictures import read_source
from service.cli.pool import Done, Failed, do_each
from service.client import (
    BatchLine,
    BatchSummary,
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
from service.judging import Scores, open_pair
from service.models import ModelStore, load_models
from service.negotiation import choose_format
from service.problems import describe_error
from service.processors import count_cpus
from service.routes.models import describe_models
from service.settings import Settings
from sharpening.codec import FORMATS, MEDIA_TYPES, Format, decode, encode
from sharpening.degradation import Degradation
from sharpening.engine import Engine
from sharpening.errors import ParameterError
from sharpening.evaluation import evaluate
from sharpening.metrics import DEFINITIONS
from sharpening.picture import sharpen_image

Pixels = npt.NDArray[Any]
JudgeEach = Callable[[Sequence[Pair]], Iterator[Done[Pair, PictureLine] | Failed[Pair]]]


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
        settings = self._settings
        return settings.inference_workers + (settings.codec_workers or count_cpus())

    @property
    def description(self) -> str:
        """Where the work is done, for a report."""
        return f"in this process, {self._settings.threads_per_worker} threads"

    def sharpen(self, image: Source, **options: Unpack[SharpenOptions]) -> Sharpened:
        """Return the picture sharpened; raises the core's errors."""
        model = self._store.get(options.get("model", "student"))
        requested = _check_format_name(options.get("format"))
        begun_s = time.perf_counter()
        source = decode(read_source(image), max_pixels=self._settings.max_pixels)
        format_ = choose_format(source, requested=requested, accept=None)
        decoded_s = time.perf_counter()
        strength = options.get("strength", 1.0)
        work = partial(sharpen_image, model.engine, source, strength=strength)
        result = self._threads.submit(work).result()
        sharpened_s = time.perf_counter()
        data = encode(result, format_, quality=options.get("quality"))
        timings_ms = {
            "decode": (decoded_s - begun_s) * 1e3,
            "model": (sharpened_s - decoded_s) * 1e3,
            "encode": (time.perf_counter() - sharpened_s) * 1e3,
        }
        return Sharpened(
            data=data,
            media_type=MEDIA_TYPES[format_],
            timings_ms=timings_ms,
            request_id=None,
            model=model.name,
            etag=None,
        )

    def evaluate(self, reference: Source, image: Source | None = None) -> Evaluation:
        """Return how near to the reference each model brings `image`, or the reference blurred."""
        scores, degradation = self.judge(reference, image)
        models = self._store.get_judged()
        return Evaluation.model_validate(
            scores.model_dump()
            | {"definition": DEFINITIONS}
            | {"models": {role: model.name for role, model in models.items()}}
            | {"degradation": degradation and degradation.model_dump(mode="json")}
        )

    def evaluate_batch(
        self, pictures: Sequence[Pair], *, each: JudgeEach | None = None
    ) -> Iterator[BatchLine]:
        """Yield a line for each pair as it is judged; last the summary.

        `each` judges all pairs somewhere else, each by `judge_pair` there.
        """
        lines: list[PictureLine] = []
        here = partial(do_each, work=partial(judge_pair, service=self), jobs=self.jobs)
        for outcome in (each or here)(pictures):
            if isinstance(outcome, Failed):
                problem = describe_error(outcome.error, request_id="")
                yield PictureFailure(
                    name=outcome.item.name, problem=Problem.model_validate(problem.model_dump())
                )
            else:
                lines.append(outcome.result)
                yield PictureScores.model_validate(outcome.result.model_dump())
        summary = summarise_lines(
            lines,
            errors=len(pictures) - len(lines),
            models=self._store.get_judged(),
            degradation=None,
        ).summary
        yield BatchSummary.model_validate(summary.model_dump(mode="json"))

    def models(self) -> list[ModelDescription]:
        """Return what is loaded."""
        described = describe_models(self._store)
        return [ModelDescription.model_validate(each.model_dump()) for each in described]

    def judge(self, reference: Source, image: Source | None) -> tuple[Scores, Degradation | None]:
        """Return the scores, and how the reference was blurred if that was done here."""
        models = self._store.get_judged()
        pair = open_pair(
            read_source(reference),
            None if image is None else read_source(image),
            degradation=models["student"].card.degradation,
            max_pixels=self._settings.max_evaluate_pixels,
        )
        engines = {role: _Turns(model.engine, self._threads) for role, model in models.items()}
        evaluation, _ = evaluate(pair.reference.pixels, pair.blurred.pixels, engines)
        return Scores.of(evaluation), pair.degradation


def judge_pair(pair: Pair, service: LocalService) -> PictureLine:
    """Return the line of a pair."""
    scores, _ = service.judge(pair.reference, pair.image)
    return PictureLine(name=pair.name, **dict(scores))


class _Turns:
    """An engine that runs in the networks' threads, when its turn has come."""

    def __init__(self, engine: Engine, threads: Executor) -> None:
        self._engine = engine
        self._threads = threads

    def sharpen(self, blurred: Pixels) -> Pixels:
        return self._threads.submit(self._engine.sharpen, blurred).result()


@contextmanager
def open_local(settings: Settings) -> Iterator[LocalService]:
    """Load the weights that the settings name; raises what `load_models` raises."""
    store = load_models(settings)
    with open_threads(settings) as threads:
        yield LocalService(store, settings, threads)


def open_threads(settings: Settings) -> ThreadPoolExecutor:
    """Return threads for networks, as many as the settings say; to be closed in the end."""
    return ThreadPoolExecutor(settings.inference_workers, "model")


def _check_format_name(name: str | None) -> Format | None:
    if name is None:
        return None
    for format_ in FORMATS:
        if format_ == name:
            return format_
    raise ParameterError(f"unknown format {name!r}; expected one of {', '.join(FORMATS)}")
