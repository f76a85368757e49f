"""A server of files on this machine, which can cut, refuse and change what it serves."""

import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest


@dataclass
class Remote:
    """What the server does; tests set it up and read what it was asked for."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    """After how many bytes the next answers end; the later ones are whole."""
    statuses: list[int] = field(default_factory=list)
    """What the next answers are instead."""
    knows_ranges: bool = True
    knows_if_range: bool = True
    tells_etag: bool = True
    stated_size: int | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    """The headers of each request, names in lower case; `path` among them."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    remote: Remote

    def do_GET(self) -> None:
        asked = {name.lower(): value for name, value in self.headers.items()}
        self.remote.asked.append({**asked, "path": self.path})
        self.close_connection = True
        data = self.remote.files.get(self.path.lstrip("/"))
        status = self.remote.statuses.pop(0) if self.remote.statuses else 0
        if data is None or status:
            self.answer(status or 404, b"<html>no</html>", {})
            return
        etag = f'"{hashlib.sha256(data).hexdigest()}"'
        headers = {"ETag": etag} if self.remote.tells_etag else {}
        ranged = re.fullmatch(r"bytes=(\d+)-", asked.get("range", ""))
        same = not self.remote.knows_if_range or asked.get("if-range", etag) == etag
        if not ranged or not self.remote.knows_ranges or not same:
            self.answer(200, data, headers)
        elif int(ranged[1]) >= len(data):
            self.answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
        else:
            start = int(ranged[1])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self.answer(206, data[start:], headers)

    def answer(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(self.remote.stated_size or len(data)))
        self.end_headers()
        self.wfile.write(data[: self.remote.cuts.pop(0)] if self.remote.cuts else data)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    """A running server."""
    monkeypatch.setenv("NO_PROXY", "*")
    handler = type("Serving", (Handler,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.remote = Remote(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield handler.remote
    server.shutdown()
    thread.join()
    server.server_close()
