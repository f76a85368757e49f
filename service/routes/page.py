"""The web page at `/`, and the files that it loads. All of them come from the service itself.

Never answers for the work: that the page asks of the same endpoints as everybody.
"""

from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_FOLDER = Path(__file__).resolve().parents[1] / "page"
_RUNTIME = "runtime"
"""What runs networks in a browser: installed from npm, and absent where there was none."""

_POLICY = [
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "connect-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
]

_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "; ".join(["script-src 'self'", *_POLICY]),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}
"""Isolated from other origins: only so do browsers let WebAssembly use more than one thread."""

_WORKER_HEADERS = {
    **_HEADERS,
    "Content-Security-Policy": "; ".join(["script-src 'self' 'wasm-unsafe-eval'", *_POLICY]),
}
"""A worker has the policy of its own script, not of the page: WebAssembly runs there alone."""


class _Files(StaticFiles):
    """The folder with the page's headers; looked at again each time, by ETag."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_choose_headers(path))
        return response


def install_page(app: FastAPI) -> None:
    """Add the page and its files."""
    files = _Files(directory=_FOLDER)

    async def show(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

    app.add_route("/", show, include_in_schema=False)
    app.mount("/page", files, name="page")


def _choose_headers(path: str) -> dict[str, str]:
    runs_networks = path == "worker.js" or path.startswith(f"{_RUNTIME}/")
    return _WORKER_HEADERS if runs_networks else _HEADERS
