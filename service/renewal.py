"""New weights in the folder take the place of old ones while the service runs.

They are loaded beside the old ones, tried on a drawn picture and swapped in between requests: a
request keeps the models that it began with. A bad file leaves what serves as it is.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from service.models import ModelStore, Stamps, read_stamps, reload_models
from service.resources import Resources
from service.settings import Settings
from service.telemetry import Telemetry
from sharpening.errors import SharpeningError

logger = logging.getLogger(__name__)

Swap = Callable[[Resources], None]


class Renewal:
    """Looks at the weights folder every `watch_s` seconds, and whenever it is asked to.

    What it finds changed is taken once it has stayed the same from one look to the next, so that a
    file which is still being copied is left alone.
    """

    def __init__(self, settings: Settings, telemetry: Telemetry, swap: Swap) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._swap = swap
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Look at once and try everything again that was refused; call in the event loop."""
        self._asked.set()

    async def watch(self, resources: Resources) -> None:
        """Renew `resources` until cancelled."""
        seen = taken = resources.models.stamps
        while True:
            asked = await self._wait()
            now = await self._look(seen)
            if asked or (now != taken and now == seen):
                resources = await self._renew(resources, again=asked)
                taken = now
            seen = now

    async def _look(self, seen: Stamps) -> Stamps:
        try:
            return await asyncio.to_thread(read_stamps, self._settings.weights_dir)
        except OSError as error:
            logger.warning("cannot look at %s: %s", self._settings.weights_dir, error)
            return seen

    async def _wait(self) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.watch_s or None):
                await self._asked.wait()
        asked = self._asked.is_set()
        self._asked.clear()
        return asked

    async def _renew(self, resources: Resources, *, again: bool) -> Resources:
        before = resources.models
        load = partial(reload_models, self._settings, before, again=again)
        try:
            models = await asyncio.to_thread(load)
        except SharpeningError as error:
            logger.error("the old models go on serving: %s", error)
            self._telemetry.note_refusals(1)
            return resources
        except Exception:
            logger.exception("the old models go on serving")
            self._telemetry.note_refusals(1)
            return resources
        self._telemetry.note_refusals(len(set(models.refusals) - set(before.refusals)))
        renewed = replace(resources, models=models)
        self._swap(renewed)
        if models.models != before.models:
            self._telemetry.note_swap()
            logger.info("swapped %s for %s", _list_names(before), _list_names(models))
        return renewed


def _list_names(store: ModelStore) -> str:
    return ", ".join(model.name for model in store.models)
