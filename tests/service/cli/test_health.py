"""`sharpen health` against real HTTP, small enough to be run every few seconds."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from service.cli import main

REPOSITORY = Path(__file__).parents[3]

READY = (200, {"status": "ready"})
LOADING = (503, {"title": "Not ready", "detail": "the models are not loaded"})

Serve = Callable[..., int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Answer each path with a status and some JSON, or text; return the port."""
    servers: list[ThreadingHTTPServer] = []

    def start(answers: dict[str, tuple[int, object]]) -> int:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, content = answers[self.path]
                body = content if isinstance(content, str) else json.dumps(content)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_words: object) -> None:
                """Be silent."""

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return int(servers[-1].server_address[1])

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("answer", "status", "line"),
    [
        (READY, 0, "ready"),
        (LOADING, 1, "the models are not loaded"),
        ((200, "<html>"), 1, "no answer from"),
        ((502, "bad gateway"), 1, "HTTP Error 502"),
    ],
)
def test_only_a_ready_service_is_healthy(
    serve: Serve,
    capsys: pytest.CaptureFixture[str],
    answer: tuple[int, object],
    status: int,
    line: str,
) -> None:
    port = serve({"/health/ready": answer})

    assert main(["health", f"http://127.0.0.1:{port}/"]) == status

    assert capsys.readouterr().out.startswith(line)


def test_one_that_loads_lives(serve: Serve) -> None:
    port = serve({"/health/ready": LOADING, "/health/live": (200, {"status": "live"})})
    assert main(["health", "--live", f"http://127.0.0.1:{port}"]) == 0


def test_no_service_is_no_answer(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["health", "http://127.0.0.1:1"]) == 1
    assert capsys.readouterr().out.startswith("no answer from http://127.0.0.1:1/health/ready")


def test_the_settings_say_where_it_is(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARPEN_HOST", "0.0.0.0")
    monkeypatch.setenv("SHARPEN_PORT", str(serve({"/health/ready": READY})))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert main(["health"]) == 0


def test_asking_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from service.cli import main\n"
        "main(['health', 'http://127.0.0.1:1'])\n"
        "heavy = {'torch', 'numpy', 'fastapi', 'pydantic', 'httpx', 'PIL'} & set(sys.modules)\n"
        "raise SystemExit(str(heavy) if heavy else 0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=REPOSITORY)
