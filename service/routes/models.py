"""What is loaded."""

import hashlib
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from service.graphs import read_graph
from service.models import Model, ModelStore
from service.negotiation import has_tag
from service.problems import describe_problems
from service.resources import ReadyResources

router = APIRouter(tags=["models"])

_GRAPH_TYPE = "application/octet-stream"


class GraphQuery(BaseModel):
    """The parameters of a request for a graph; one that is not among them is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(
        default="student",
        max_length=100,
        description="student, profile/student, or student@digest: see /models.",
    )


class ModelDescription(BaseModel):
    """A loaded model."""

    name: str = Field(description="Role and start of the digest, as in `X-Model`.")
    names: list[str] = Field(description="Everything that `model=` may say to mean this one.")
    sha256: str = Field(description="Of the weights file.")
    profile: str
    role: Literal["student", "teacher"]
    architecture: str
    parameters: int
    receptive_field_px: int = Field(description="How far around a pixel the network looks.")
    multiple_of: int = Field(description="What both sides of what the network is given must be.")
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


@router.get(
    "/models/onnx",
    summary="The network as an ONNX graph, to be run elsewhere",
    response_class=Response,
    responses={
        200: {
            "description": "The file: one input `blurred`, one output `sharpened`, both "
            "(N, H, W, 3) RGB of uint8, H and W multiples of `multiple_of`.",
            "content": {_GRAPH_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        },
        304: {"description": "The client has this file already, as `If-None-Match` says."},
        **describe_problems(404, 422, 503),
    },
)
async def send_graph(
    request: Request, query: Annotated[GraphQuery, Query()], resources: ReadyResources
) -> Response:
    model = resources.models.get(query.model)
    graph = await resources.inference.peek(partial(read_graph, resources.models, model))
    etag = f'"{hashlib.sha256(graph).hexdigest()[:32]}"'
    headers = {"Cache-Control": "no-cache", "ETag": etag, "X-Model": model.name}
    if has_tag(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(graph, headers=headers, media_type=_GRAPH_TYPE)


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
        receptive_field_px=card.contract.receptive_field_px,
        multiple_of=card.contract.multiple_of,
        runtime=model.runtime.name,
        device=model.runtime.device,
        precision=model.runtime.precision,
        metrics=card.metrics,
        teacher=card.teacher,
        created=card.created,
        licence=card.licence,
        refused=refused,
    )
