"""Figures for Prometheus."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from service.telemetry import MEDIA_TYPE, Telemetry

router = APIRouter(tags=["metrics"])


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def show_metrics(request: Request) -> Response:
    telemetry: Telemetry = request.app.state.telemetry
    return Response(telemetry.render(), media_type=MEDIA_TYPE)
