"""What everybody can use: axe finds no serious fault, and nothing is wider than a phone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

AXE = Path(__file__).parents[3] / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = {"serious", "critical"}
ToFile = Callable[..., bytes]

PHONE = {"width": 360, "height": 740}


def show_all(screen: Any, picture: bytes) -> None:
    """Let the page show a picture with its scores."""
    screen.choose(picture)
    screen.wait()
    screen.find("#blur").click()
    expect(screen.find("#scores")).to_be_visible()


def find_faults(screen: Any) -> list[str]:
    screen.page.evaluate(AXE.read_text("utf-8"))
    found = screen.page.evaluate("axe.run()")
    assert len(found["passes"]) > 10
    return [
        f"{fault['id']}: {node['html']}"
        for fault in found["violations"]
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
    ]


@pytest.mark.skipif(not AXE.exists(), reason="npm has not installed axe: faults are NOT looked for")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(
    open_screen: Any, server: Any, sharp: np.ndarray, to_file: ToFile, scheme: str
) -> None:
    with open_screen(server.url, color_scheme=scheme, reduced_motion="reduce") as screen:
        expect(screen.find("html[data-ready]")).to_be_attached()
        assert find_faults(screen) == []

        show_all(screen, to_file(sharp))
        screen.choose(b"words", into="choose-another")
        expect(screen.notice).to_be_visible()
        assert find_faults(screen) == []

        screen.find("#tab-camera").click()
        assert find_faults(screen) == []


def test_a_phone_need_not_scroll_sideways(
    open_screen: Any, server: Any, sharp: np.ndarray, to_file: ToFile
) -> None:
    with open_screen(server.url, viewport=PHONE, has_touch=True) as screen:
        show_all(screen, to_file(sharp))
        for tab in ("#tab-picture", "#tab-camera"):
            screen.find(tab).click()
            assert screen.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_tabs_answer_to_arrows(screen: Any) -> None:
    screen.find("#tab-picture").focus()
    screen.page.keyboard.press("ArrowRight")

    expect(screen.find("#tab-camera")).to_be_focused()
    expect(screen.find("#panel-camera")).to_be_visible()
    expect(screen.find("#panel-picture")).to_be_hidden()
