"""The page's files, and what their heads tell a browser."""

import re

import httpx
import pytest

pytestmark = pytest.mark.anyio


async def test_the_page_loads_only_from_the_service_and_has_no_script_inside(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/")

    assert answer.headers["content-type"].startswith("text/html")
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', answer.text)
    assert {"page/style.css", "page/app.js"} <= set(loaded)
    for link in loaded:
        assert not link.startswith(("http:", "https:", "//"))
        assert (await client.get(f"/{link}")).status_code == 200, link
    assert re.findall(r"<script[^>]*>([^<]+)", answer.text) == []
    assert " style=" not in answer.text


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/page/worker.js"])
async def test_a_file_is_isolated_and_looked_at_again_each_time(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})

    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert again.status_code == 304


async def test_only_workers_may_compile_webassembly(client: httpx.AsyncClient) -> None:
    policies = {
        path: (await client.get(path)).headers["content-security-policy"]
        for path in ("/", "/page/app.js", "/page/worker.js")
    }

    assert [path for path, policy in policies.items() if "wasm-unsafe-eval" in policy] == [
        "/page/worker.js"
    ]
    for policy in policies.values():
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy


async def test_nothing_outside_the_folder_is_served(client: httpx.AsyncClient) -> None:
    for path in ("/page/../app.py", "/page/%2e%2e/app.py", "/page/"):
        assert (await client.get(path)).status_code == 404
