"""The service keeps what its OpenAPI document promises, whatever is sent: schemathesis tries."""

import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from schemathesis import GenerationMode

from service.app import create_app
from service.server import Server
from service.settings import Settings
from sharpening.codec import MEDIA_TYPES

PATIENCE_S = 60
EXAMPLES = 15
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)

_UNKNOWN_TO_THE_DOCUMENT = [schemathesis.checks.positive_data_acceptance]
"""Which bytes are a picture, a schema cannot say."""


def draw(format_: str, mode: str, side: int) -> bytes:
    pixels = np.random.default_rng(side).integers(0, 256, (side, side + 3, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).convert(mode).save(buffer, format_)
    return buffer.getvalue()


PICTURES = [
    draw(format_, mode, side)
    for format_, modes in {
        "png": ("RGB", "RGBA", "L", "P", "1"),
        "jpeg": ("RGB", "L", "CMYK"),
        "webp": ("RGB", "RGBA"),
        "tiff": ("RGB", "L"),
    }.items()
    for mode in modes
    for side in (1, 9)
]


@st.composite
def damage(draw: Callable[..., Any]) -> bytes:
    """A picture with some bytes replaced, and perhaps cut short."""
    data = bytearray(draw(st.sampled_from(PICTURES)))
    for _ in range(draw(st.integers(1, 5))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


@st.composite
def pack(draw: Callable[..., Any]) -> bytes:
    """A zip of a few files in the folders of a batch, as a whole or cut short."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", draw(st.sampled_from(METHODS))) as archive:
        for number in range(draw(st.integers(0, 3))):
            for folder in draw(st.sampled_from([("reference",), ("reference", "image")])):
                archive.writestr(f"{folder}/{number}.png", draw(FILES))
    data = buffer.getvalue()
    return data[: draw(st.just(len(data)) | st.integers(0, len(data)))]


FILES = st.sampled_from(PICTURES) | damage() | st.binary(max_size=200)
for media_type in MEDIA_TYPES.values():
    schemathesis.openapi.media_type(media_type, FILES)
schemathesis.openapi.media_type("application/zip", pack())


@pytest.fixture(scope="module")
def address(weights_dir: Path) -> Iterator[str]:
    """Where a server of this process listens."""
    chosen = Settings(weights_dir=weights_dir, device="cpu", port=0, max_megapixels=1)
    server = Server(create_app(chosen), chosen)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield _wait_until_ready(server)
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)


def _wait_until_ready(server: Server) -> str:
    waiting = threading.Event()
    for _ in range(PATIENCE_S * 20):
        if server.started:
            port = server.servers[0].sockets[0].getsockname()[1]
            url = f"http://127.0.0.1:{port}"
            if requests.get(f"{url}/health/ready", timeout=PATIENCE_S).status_code == 200:
                return url
        waiting.wait(0.05)
    pytest.fail("the server did not become ready")


@pytest.fixture(scope="module")
def document(address: str) -> Any:
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_whatever_is_sent_is_answered_as_the_document_says(
    document: Any, mode: GenerationMode
) -> None:
    operations = [result.ok() for result in document.get_all_operations()]
    assert {"POST /sharpen", "POST /evaluate", "POST /evaluate/batch", "GET /metrics"} <= {
        operation.label for operation in operations
    }
    for operation in operations:
        if mode is GenerationMode.NEGATIVE and not _can_be_wrong(operation):
            continue
        try_out(operation.as_strategy(generation_mode=mode))


def try_out(cases: st.SearchStrategy[Any]) -> None:
    @given(cases)
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        case.call_and_validate(excluded_checks=_UNKNOWN_TO_THE_DOCUMENT, timeout=PATIENCE_S)

    check()


def _can_be_wrong(operation: Any) -> bool:
    """Whether there is a wrong request that is refused whole; a batch's files are so one by one."""
    return bool(operation.query or operation.body) and operation.path != "/evaluate/batch"
