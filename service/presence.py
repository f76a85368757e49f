"""Whether the client is still there: work for one that went away is stopped.

Never reads a body; only to be used once that is read.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

Result = TypeVar("Result")


async def run_while_connected(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Return what `work` returns; cancel it and raise `ClientDisconnect` if the client leaves.

    The body must have been read to its end: what comes after it can only be the client's leaving.
    """
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_watch(request))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        watching.cancel()
        working.cancel()
        await asyncio.wait({working, watching})
        # an error knows this frame, and these know the error: what the work held would stay
        del working, watching


async def _watch(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
