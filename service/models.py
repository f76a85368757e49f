"""The models that are loaded, and which of them a name means.

Never runs a picture through a model but to warm it up, and never reads the environment.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import UnknownModelError
from service.settings import Settings
from sharpening.engine import Engine
from sharpening.errors import WeightsError
from sharpening.runtimes import Runtime, choose_runtime
from sharpening.weights import Card, load_weights

logger = logging.getLogger(__name__)

_WARM_UP_PX = 64


@dataclass(frozen=True)
class Model:
    """A network ready to sharpen, with the card and the digest of its weights file."""

    name: str
    """`role@digest`, the short name that answers carry."""
    sha256: str
    card: Card
    runtime: Runtime
    engine: Engine


@dataclass(frozen=True)
class Stoppable:
    """An engine that asks `check` before each tile, which may raise to stop it."""

    engine: Engine
    check: Callable[[], None]

    def sharpen(self, blurred: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the sharpened picture, shape and dtype as given."""
        return self.engine.sharpen(blurred, before_tile=self.check)


class ModelStore:
    """The loaded models by every name they answer to."""

    def __init__(self, models: Iterable[Model], *, profile: str) -> None:
        """Of several models of one role and profile, the newest has the plain name.

        Raises `WeightsError` unless there is a student of `profile`.
        """
        self.models = tuple(sorted(models, key=lambda model: model.card.created))
        self._by_name = _name_models(self.models, profile)
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
    def judged(self) -> dict[str, Model]:
        """The models that an evaluation runs: the student and, if loaded, the teacher."""
        roles = ("student", "teacher")
        return {role: self._by_name[role] for role in roles if role in self._by_name}


def load_models(settings: Settings) -> ModelStore:
    """Load every `*.safetensors` of the weights folder.

    A file that is refused is logged with the reason and left out. Raises `WeightsError` if no
    student is left and `DeviceError` if the device asked for is not there.
    """
    logger.info("loading weights from %s", settings.weights_dir)
    models: dict[str, Model] = {}
    for path in sorted(settings.weights_dir.glob("*.safetensors")):
        try:
            model = _load_model(path, settings)
        except WeightsError as error:
            logger.error("refused %s: %s", path.name, error)
            continue
        models[model.sha256] = model
        logger.info("loaded %s from %s on %s", model.name, path.name, model.runtime.device)
    return ModelStore(models.values(), profile=settings.profile)


def warm_up(store: ModelStore) -> None:
    """Run a small picture through every model, so that the first request need not wait longer."""
    for model in store.models:
        model.engine.sharpen(np.zeros((_WARM_UP_PX, _WARM_UP_PX, 3), np.uint8))


def _load_model(path: Path, settings: Settings) -> Model:
    weights = load_weights(path)
    runtime = choose_runtime(weights, settings.runtime, settings.device)
    return Model(weights.name, weights.sha256, weights.card, runtime, Engine(runtime))


def _name_models(models: Iterable[Model], profile: str) -> Mapping[str, Model]:
    """Give each model its names; `models` come oldest first, so that newer ones take over."""
    by_name: dict[str, Model] = {}
    for model in models:
        by_name[model.name] = model
        by_name[f"{model.card.profile}/{model.card.role}"] = model
        if model.card.profile == profile:
            by_name[model.card.role] = model
    return by_name
