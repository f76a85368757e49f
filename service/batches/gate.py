"""How many batches there may be at one time, and how their pictures wait for a place.

A batch waits as long as it takes, so its pictures must not be what others wait for: of all batches
together one picture at a time stands in the queue, and whoever comes after it has but one before
him.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from service.admission import Admission, Place
from service.errors import TooBusyError
from service.judging import KIND

_RETRY_S = 60.0
"""A guess: how long a batch takes, only who sent it knows."""


class Gate:
    """Lets in `max_batches`, and their pictures by `admission`."""

    def __init__(self, admission: Admission, *, max_batches: int) -> None:
        self.max_batches = max_batches
        self.batches = 0
        self.looking = asyncio.Lock()
        """Held by whoever has files in memory without a place, to see how large they are."""
        self._admission = admission
        self._turn = asyncio.Lock()

    def check(self) -> None:
        """Raise `TooBusyError` where no place for a batch is free."""
        if self.batches >= self.max_batches:
            raise TooBusyError(
                f"{self.batches} batches are being judged already: try again later", _RETRY_S
            )

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Hold one of the places for batches; raises `TooBusyError` where none is free."""
        self.check()
        self.batches += 1
        try:
            yield
        finally:
            self.batches -= 1

    @asynccontextmanager
    async def admit(self, pixels: int) -> AsyncIterator[Place]:
        """Wait for a place for one picture, behind those of all batches that came before."""
        async with AsyncExitStack() as stack:
            async with self._turn:
                admitted = self._admission.admit(pixels, kind=KIND, patient=True)
                place = await stack.enter_async_context(admitted)
            yield place
