"""What the lifespan makes and every route needs; absent until it is ready."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI
from starlette.requests import HTTPConnection

from service.admission import Admission
from service.batches.gate import Gate
from service.errors import NotReadyError
from service.inference import Inference
from service.models import ModelStore
from service.settings import Settings
from service.streams.gate import StreamGate


@dataclass(frozen=True)
class Resources:
    """The settings, the loaded models, the threads that run them and who may use those."""

    settings: Settings
    models: ModelStore
    inference: Inference
    admission: Admission
    batches: Gate
    streams: StreamGate


def set_resources(app: FastAPI, resources: Resources | None) -> None:
    """Make the service ready, or with None not ready."""
    app.state.resources = resources


def ask_resources(app: FastAPI) -> Resources | None:
    """Return the resources, or None while the service is not ready."""
    resources: Resources | None = getattr(app.state, "resources", None)
    return resources


def is_ready(app: FastAPI) -> bool:
    """Return whether pictures are taken now."""
    return ask_resources(app) is not None and not is_stopping(app)


def is_stopping(app: FastAPI) -> bool:
    """Return whether the service has been told to stop."""
    return bool(getattr(app.state, "stopping", False))


def stop_taking(app: FastAPI) -> None:
    """Be not ready from now on, for good; requests that have their resources keep them."""
    app.state.stopping = True


def get_resources(request: HTTPConnection) -> Resources:
    """Return the resources; raises `NotReadyError` while there are none, and when stopping."""
    if is_stopping(request.app):
        raise NotReadyError("the service is stopping: send the request to another one")
    resources = ask_resources(request.app)
    if resources is None:
        raise NotReadyError("the models are not loaded: try again in a few seconds")
    return resources


ReadyResources = Annotated[Resources, Depends(get_resources)]
