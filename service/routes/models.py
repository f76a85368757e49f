"""What is loaded."""

from dataclasses import asdict
from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field, JsonValue

from service.models import Model, ModelStore
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
    precision: str = Field(description="What it multiplies in.")
    metrics: dict[str, JsonValue] = Field(description="As measured at export, each defined.")
    teacher: str | None = Field(description="SHA-256 of the teacher it was distilled from.")
    created: datetime
    licence: str
    refused: str | None = Field(
        description="Why the file that lies in its place now does not serve instead."
    )


class RefusalDescription(BaseModel):
    """A weights file that was refused."""

    file: str
    reason: str
    serving: str | None = Field(description="The model that goes on serving in its place.")


@router.get("/models", summary="Which models are loaded?", responses=describe_problems(503))
async def list_models(resources: ReadyResources) -> list[ModelDescription]:
    return describe_models(resources.models)


@router.get(
    "/models/refused",
    summary="Which weights files are not served, and why?",
    responses=describe_problems(503),
)
async def list_refusals(resources: ReadyResources) -> list[RefusalDescription]:
    return [RefusalDescription(**asdict(refusal)) for refusal in resources.models.refusals]


def describe_models(store: ModelStore) -> list[ModelDescription]:
    """Return what is told of the loaded models."""
    refused = {refusal.serving: refusal.reason for refusal in store.refusals}
    return [
        _describe(model, store.names_of(model), refused.get(model.name)) for model in store.models
    ]


def _describe(model: Model, names: list[str], refused: str | None) -> ModelDescription:
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
        precision=model.runtime.precision,
        metrics=card.metrics,
        teacher=card.teacher,
        created=card.created,
        licence=card.licence,
        refused=refused,
    )
