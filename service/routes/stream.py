"""`WS /stream`: frames in, sharper ones out, as they come."""

from fastapi import APIRouter
from starlette.websockets import WebSocket

from service.streams.serving import serve_stream

PATH = "/stream"

router = APIRouter()


@router.websocket(PATH)
async def stream(websocket: WebSocket) -> None:
    await serve_stream(websocket)
