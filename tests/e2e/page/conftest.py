"""A real browser on the page of a real server. Where Chromium is not installed, these are skipped.

Each file has its own browser, closed at its end: Playwright's loop runs in this thread, and no
other can run before it has ended.
"""

import io
import os
import shutil
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import skimage.data
from PIL import Image as PillowImage
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from sharpening.degradation import PaperDegradation

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
RUNTIME = Path(__file__).parents[3] / "service" / "page" / "runtime"
PATIENCE_MS = 30_000
CAMERA_FRAMES = 10

expect.set_options(timeout=PATIENCE_MS)


class Screen:
    """The page in a browser, and the service that it came from."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.status = page.locator("#status")
        self.notice = page.locator("#notice")

    def find(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def choose(self, data: bytes, *, into: str = "choose", name: str = "cat.png") -> None:
        file = {"name": name, "mimeType": "application/octet-stream", "buffer": data}
        self.page.locator(f"#{into}").set_input_files([file])  # type: ignore[list-item]

    def wait(self, words: str = " px") -> None:
        """Wait until the work is over and the canvases show it."""
        expect(self.status).to_contain_text(words)
        expect(self.find("#panel-picture")).to_have_attribute("aria-busy", "false")
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")

    def set_strength(self, strength: float) -> None:
        self.find("#strength").fill(str(strength))
        self.wait()

    def read(self, side: str, *, within: str = "#comparison") -> np.ndarray:
        """Return the pixels on show, `before` or `after`."""
        canvas = self.find(f"{within} canvas").nth(("before", "after").index(side))
        url: str = canvas.evaluate("(canvas) => canvas.toDataURL()")
        return to_pixels(b64decode(url.partition(",")[2]))

    def sharpen(self, data: bytes, **query: Any) -> bytes:
        """Return what the API gives."""
        answer = httpx.post(f"{self.url}/sharpen", params=query, content=data, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.content


OpenScreen = Callable[..., AbstractContextManager[Screen]]


def write_file(pixels: np.ndarray, format_: str = "png", **options: Any) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, format_, **options)
    return buffer.getvalue()


def to_pixels(data: bytes) -> np.ndarray:
    return np.asarray(PillowImage.open(io.BytesIO(data)).convert("RGB"))


@pytest.fixture(name="to_file", scope="module")
def _to_file() -> Callable[..., bytes]:
    return write_file


@pytest.fixture(name="to_pixels", scope="module")
def _to_pixels() -> Callable[[bytes], np.ndarray]:
    return to_pixels


@pytest.fixture(scope="module")
def sharp() -> np.ndarray:
    """A photograph of 151x200, so that one side is odd."""
    return skimage.data.chelsea()[60:211, 100:300]


@pytest.fixture(scope="module")
def blurred(sharp: np.ndarray) -> np.ndarray:
    return PaperDegradation().apply(sharp)


@pytest.fixture(scope="module")
def camera_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser takes for its camera: JPEGs in a row, of a photograph that moves."""
    photograph = PaperDegradation().apply(skimage.data.chelsea()[:240, :320])
    path = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    moved = (np.roll(photograph, 4 * at, axis=1) for at in range(CAMERA_FRAMES))
    path.write_bytes(b"".join(write_file(frame, "jpeg") for frame in moved))
    return path


@pytest.fixture(scope="module")
def browser(camera_file: Path) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: the page is NOT tested (apt-get install chromium)")
    flags = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera_file}",
    ]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # root can have none
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def open_screen(browser: Browser) -> OpenScreen:
    """Open a server's page; in the end it has asked for nothing elsewhere, and no script failed.

    `prepare` is called before; other options are the browser context's.
    """

    @contextmanager
    def open_at(
        url: str, *, prepare: Callable[[Page], Any] = lambda _: None, **options: Any
    ) -> Iterator[Screen]:
        context = browser.new_context(permissions=["camera"], **options)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        asked: list[str] = []
        failed: list[str] = []
        context.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: failed.append(str(error)))
        try:
            prepare(page)
            page.goto(url)
            yield Screen(page, url)
        finally:
            context.close()
        assert [address for address in asked if not address.startswith((url, "blob:"))] == []
        assert failed == []

    return open_at


@pytest.fixture
def screen(open_screen: OpenScreen, server: Any) -> Iterator[Screen]:
    """The page with its models listed."""
    with open_screen(server.url) as screen:
        expect(screen.find("html[data-ready]")).to_be_attached()
        yield screen


@pytest.fixture
def _runtime() -> None:
    if not (RUNTIME / "ort.wasm.min.mjs").exists():
        pytest.skip("npm has not installed what runs networks in a browser: that is NOT tested")
