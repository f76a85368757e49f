"""The page's picture for the README: a sample opened in Chromium, on a real server.

Needs the tests' extras and Chromium.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from benchmarks.server import start_server

VIEW: ViewportSize = {"width": 980, "height": 740}
RUNS = 5
"""The first is slower than those that follow."""
PATIENCE_MS = 60_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    output: Path = parser.parse_args().output
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("error: Chromium is not installed", file=sys.stderr)
        return 1
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with (
        tempfile.TemporaryDirectory() as folder,
        start_server(Path(folder) / "log") as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(viewport=VIEW, color_scheme="light")
        page.goto(server.url)
        open_sample(page)
        page.screenshot(path=output)
        print(page.locator("#status").inner_text(), "|", page.locator("#gain").inner_text())
        browser.close()
    return 0


def open_sample(page: Page) -> None:
    """Open the dog, and sharpen it until that takes no longer than it must."""
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    expect(page.locator("html[data-ready]")).to_be_attached()
    page.locator("[data-sample=dog]").click()
    for _ in range(RUNS):
        expect(page.locator("#scores")).to_be_visible()
        expect(page.locator("#panel-picture")).to_have_attribute("aria-busy", "false")
        page.locator("#model").dispatch_event("change")
    expect(page.locator("#panel-picture")).to_have_attribute("aria-busy", "false")


if __name__ == "__main__":
    sys.exit(main())
