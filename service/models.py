"""The models that are loaded, and which of them a name means.

Never runs a picture through a model but to warm it up or try it, and never reads the environment.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from service.canary import check_gain
from service.errors import UnknownModelError
from service.settings import ANY_PROFILE, Settings
from sharpening.engine import Engine
from sharpening.errors import WeightsError
from sharpening.runtimes import Runtime, choose_runtime
from sharpening.weights import Card, load_weights

logger = logging.getLogger(__name__)

_WARM_UP_PX = 64
_PREFERRED = ("call", "paper")


@dataclass(frozen=True)
class Model:
    """A network ready to sharpen, with the card and the digest of its weights file."""

    name: str
    """`role@digest`, the short name that answers carry."""
    sha256: str
    card: Card
    runtime: Runtime
    engine: Engine


def _accept(_model: Model) -> None:
    """Take the model as it is."""


@dataclass(frozen=True)
class Stoppable:
    """An engine that asks `check` before each tile, which may raise to stop it."""

    engine: Engine
    check: Callable[[], None]

    def sharpen(self, blurred: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the sharpened picture, shape and dtype as given."""
        return self.engine.sharpen(blurred, before_tile=self.check)


@dataclass(frozen=True)
class Stamp:
    """What changes when a file is written or replaced."""

    modified_ns: int
    size: int
    inode: int


Stamps = Mapping[Path, Stamp]


@dataclass(frozen=True)
class Source:
    """A weights file as it was looked at, and what came of it.

    A refused file may have a model: the one that lay there before and goes on serving.
    """

    stamp: Stamp
    model: Model | None
    refused: str | None = None


Sources = Mapping[Path, Source]


@dataclass(frozen=True)
class Refusal:
    """A weights file that is not served, and why."""

    file: str
    reason: str
    serving: str | None
    """The name of the model that goes on serving in its place."""


class ModelStore:
    """The loaded models by every name they answer to."""

    def __init__(
        self, models: Iterable[Model], *, profile: str, sources: Sources = MappingProxyType({})
    ) -> None:
        """Of several models of one role and profile, the newest has the plain name.

        `sources` are the files that they come from. `profile` may be `ANY_PROFILE`. Raises
        `WeightsError` unless there is a student of it.
        """
        self.sources = sources
        self.models = tuple(sorted(models, key=lambda model: model.card.created))
        self._by_name = _name_models(self.models, _choose_profile(self.models, profile))
        if "student" not in self._by_name:
            raise WeightsError(
                f"there is no student of the profile {profile!r} among the loaded models "
                f"{[model.name for model in self.models]}: train and export one, or set "
                "SHARPEN_WEIGHTS_DIR to a folder that has one"
            )

    def get(self, name: str) -> Model:
        """Return the model called `student`, `teacher`, `profile/role` or `role@digest`.

        Raises `UnknownModelError` for any other name.
        """
        model = self._by_name.get(name)
        if model is None:
            raise UnknownModelError(name, sorted(self._by_name))
        return model

    def names_of(self, model: Model) -> list[str]:
        """Return every name under which `get` finds this model."""
        return sorted(name for name, known in self._by_name.items() if known is model)

    @property
    def stamps(self) -> Stamps:
        """The weights files as they were when they were loaded."""
        return {path: source.stamp for path, source in self.sources.items()}

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """The weights files that were refused."""
        return tuple(
            Refusal(path.name, source.refused, source.model.name if source.model else None)
            for path, source in self.sources.items()
            if source.refused is not None
        )

    def get_judged(self, profile: str | None = None) -> dict[str, Model]:
        """Return the models that an evaluation runs: the student and, if loaded, the teacher.

        They are those of the profile, or those with the plain names. Raises `UnknownModelError` if
        there is no student of it.
        """
        prefix = "" if profile is None else f"{profile}/"
        judged = {"student": self.get(f"{prefix}student")}
        teacher = self._by_name.get(f"{prefix}teacher")
        return judged if teacher is None else {**judged, "teacher": teacher}


def load_models(settings: Settings) -> ModelStore:
    """Load every `*.safetensors` of the weights folder.

    A file that is refused is logged with the reason and left out; one whose model does not sharpen
    is logged and served, because there is nothing else to serve. Raises `WeightsError` if no
    student is left and `DeviceError` if the device asked for is not there.
    """
    logger.info("loading weights from %s", settings.weights_dir)
    store = _load(settings, {})
    for model in store.models:
        try:
            _check(model, settings)
        except WeightsError as error:
            logger.warning("%s is served nevertheless: %s", model.name, error)
    return store


def reload_models(settings: Settings, before: ModelStore, *, again: bool = False) -> ModelStore:
    """Load what has changed in the folder since `before`; what was refused too if `again`.

    A file that is refused, or whose model does not sharpen, is logged with the reason, and what lay
    there before goes on serving. Raises as `load_models` does.
    """
    kept = {
        path: source
        for path, source in before.sources.items()
        if not (again and source.refused is not None)
    }
    fallbacks = {path: source.model for path, source in before.sources.items()}
    return _load(settings, kept, fallbacks, check=partial(_check, settings=settings))


def read_stamps(folder: Path) -> Stamps:
    """Return every weights file of the folder with what changes when it is replaced."""
    stamps: dict[Path, Stamp] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with suppress(FileNotFoundError):  # it went away in the meantime
            status = path.stat()
            stamps[path] = Stamp(status.st_mtime_ns, status.st_size, status.st_ino)
    return stamps


def warm_up(store: ModelStore) -> None:
    """Run a small picture through every model, so that the first request need not wait longer."""
    for model in store.models:
        model.engine.sharpen(np.zeros((_WARM_UP_PX, _WARM_UP_PX, 3), np.uint8))


def _load(
    settings: Settings,
    kept: Sources,
    fallbacks: Mapping[Path, Model | None] = MappingProxyType({}),
    *,
    check: Callable[[Model], None] = _accept,
) -> ModelStore:
    sources: dict[Path, Source] = {}
    for path, stamp in read_stamps(settings.weights_dir).items():
        if path in kept and kept[path].stamp == stamp:
            sources[path] = kept[path]
            continue
        try:
            model = _load_model(path, settings)
            check(model)
        except WeightsError as error:
            logger.error("refused %s: %s", path.name, error)
            sources[path] = Source(stamp, fallbacks.get(path), str(error))
        else:
            sources[path] = Source(stamp, model)
            logger.info(
                "loaded %s from %s: %s on %s in %s",
                model.name,
                path.name,
                model.runtime.name,
                model.runtime.device,
                model.runtime.precision,
            )
    models = {source.model.sha256: source.model for source in sources.values() if source.model}
    return ModelStore(models.values(), profile=settings.profile, sources=sources)


def _load_model(path: Path, settings: Settings) -> Model:
    weights = load_weights(path)
    runtime = choose_runtime(
        weights,
        settings.runtime,
        settings.device,
        precision=settings.precision,
        threads=settings.threads,
    )
    return Model(weights.name, weights.sha256, weights.card, runtime, Engine(runtime))


def _check(model: Model, settings: Settings) -> None:
    check_gain(model.engine, model.card, least_db=settings.canary_gain_db)


def _choose_profile(models: Iterable[Model], wanted: str) -> str:
    """Return the profile whose models have the plain names.

    Of any it is the one that is safe to use on every picture, if there is a student of it.
    """
    if wanted != ANY_PROFILE:
        return wanted
    there = {model.card.profile for model in models if model.card.role == "student"}
    return next((profile for profile in _PREFERRED if profile in there), wanted)


def _name_models(models: Iterable[Model], profile: str) -> Mapping[str, Model]:
    """Give each model its names; `models` come oldest first, so that newer ones take over."""
    by_name: dict[str, Model] = {}
    for model in models:
        by_name[model.name] = model
        by_name[f"{model.card.profile}/{model.card.role}"] = model
        if model.card.profile == profile:
            by_name[model.card.role] = model
    return by_name
