"""Clients of either kind over a transport that answers by a script, and that never sleep."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from service.client import AsyncSharpenClient, Retries, SharpenClient

Answer = httpx.Response | Exception


@dataclass
class Script:
    """What is answered in turn; what was asked, and what was waited for."""

    answers: Sequence[Answer]
    requests: list[httpx.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers[len(self.requests) - 1]
        if isinstance(answer, Exception):
            raise answer
        # a fresh one, as a response is bound to the client that got it
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(b"".join(request.stream))  # as a real transport does
        return self.answer(request)

    async def handle_later(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(b"".join([chunk async for chunk in request.stream]))
        return self.answer(request)

    async def wait(self, seconds: float) -> None:
        self.waits_s.append(seconds)


class Caller:
    """Calls a verb of the client under test and returns what it says, a batch's lines as a list."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __call__(self, script: Script, verb: str, *arguments: Any, **options: Any) -> Any:
        settings: dict[str, Any] = {
            "api_key": options.pop("api_key", None),
            "retries": options.pop("retries", Retries(jitter=lambda: 0.5)),
        }
        if self.kind == "async":
            return asyncio.run(self._call_later(script, settings, verb, *arguments, **options))
        transport = httpx.MockTransport(script.handle)
        with SharpenClient(
            "http://service", transport=transport, sleep=script.waits_s.append, **settings
        ) as client:
            answer = getattr(client, verb)(*arguments, **options)
            return list(answer) if verb == "evaluate_batch" else answer

    async def _call_later(
        self, script: Script, settings: dict[str, Any], verb: str, *arguments: Any, **options: Any
    ) -> Any:
        transport = httpx.MockTransport(script.handle_later)
        async with AsyncSharpenClient(
            "http://service", transport=transport, sleep=script.wait, **settings
        ) as client:
            answer = getattr(client, verb)(*arguments, **options)
            if verb == "evaluate_batch":
                return [line async for line in answer]
            return await answer


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Call a verb of either client."""
    return Caller(request.param)


@pytest.fixture
def script() -> Callable[..., Script]:
    """Make a script of these answers."""
    return lambda *answers: Script(answers)
