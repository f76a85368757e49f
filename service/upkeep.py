"""Memory that the service does not need while it is idle goes back to the system."""

import asyncio
from collections.abc import Callable

from service.admission import Admission

LOOK_S = 30.0


async def return_memory_when_idle(
    admission: Admission,
    return_memory: Callable[[], object],
    *,
    look_s: float = LOOK_S,
) -> None:
    """Call `return_memory` once no picture has been there from one look to the next, for ever.

    While there is work it is kept, so that the next tile need not ask for it again.
    """
    seen = returned = admission.admitted
    while True:
        await asyncio.sleep(look_s)
        idle = admission.admitted == seen and not admission.in_flight_pixels
        if idle and seen != returned:
            await asyncio.to_thread(return_memory)
            returned = seen
        seen = admission.admitted
