"""Whether the process lives and whether it can serve."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from service.problems import describe_problems
from service.resources import ReadyResources

router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    """How the service is."""

    status: Literal["live", "ready"]


@router.get("/live", summary="Does the process answer?")
async def live() -> Health:
    return Health(status="live")


@router.get("/ready", summary="Are the models loaded?", responses=describe_problems(503))
async def ready(_resources: ReadyResources) -> Health:
    return Health(status="ready")
