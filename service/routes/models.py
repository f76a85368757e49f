"""What is loaded."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field, JsonValue

from service.models import Model
from service.problems import describe_problems
from service.resources import ReadyResources

router = APIRouter(tags=["models"])


class ModelDescription(BaseModel):
    """A loaded model."""

    name: str = Field(description="Role and start of the digest, as in `X-Model`.")
    names: list[str] = Field(description="Everything that `model=` may say to mean this one.")
    sha256: str = Field(description="Of the weights file.")
    profile: str
    role: Literal["student", "teacher"]
    architecture: str
    parameters: int
    runtime: str
    device: str
    metrics: dict[str, JsonValue] = Field(description="As measured at export, each defined.")
    teacher: str | None = Field(description="SHA-256 of the teacher it was distilled from.")
    created: datetime
    licence: str


@router.get("/models", summary="Which models are loaded?", responses=describe_problems(503))
async def list_models(resources: ReadyResources) -> list[ModelDescription]:
    store = resources.models
    return [describe_model(model, store.names_of(model)) for model in store.models]


def describe_model(model: Model, names: list[str]) -> ModelDescription:
    """Return what is told of a model that answers to these names."""
    card = model.card
    return ModelDescription(
        name=model.name,
        names=names,
        sha256=model.sha256,
        profile=card.profile,
        role=card.role,
        architecture=card.architecture,
        parameters=card.contract.parameters,
        runtime=model.runtime.name,
        device=model.runtime.device,
        metrics=card.metrics,
        teacher=card.teacher,
        created=card.created,
        licence=card.licence,
    )
