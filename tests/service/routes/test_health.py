import httpx
import pytest

from service.app import create_app
from service.settings import Settings

pytestmark = pytest.mark.anyio


async def test_it_lives_and_is_ready_after_start(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/live")).json() == {"status": "live"}
    assert (await client.get("/health/ready")).json() == {"status": "ready"}


async def test_it_lives_but_is_not_ready_before_start_and_after_the_end(
    settings: Settings,
) -> None:
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        before = await client.get("/health/ready")
        async with app.router.lifespan_context(app):
            await app.state.loading
            during = await client.get("/health/ready")
        after = await client.get("/health/ready")
        live = await client.get("/health/live")
        picture = await client.post("/sharpen", content=b"picture")

    statuses = [answer.status_code for answer in (before, during, after, live, picture)]
    assert statuses == [503, 200, 503, 200, 503]
    assert before.json()["type"] == "urn:sharpening:problem:not-ready"
