"""The student in the browser itself gives what the server gives, and no picture leaves it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from playwright.sync_api import expect

MOST_LEVELS = 2
WIDER_THAN_A_TILE_PX = 1100

ToFile = Callable[..., bytes]
ToPixels = Callable[[bytes], np.ndarray]


@pytest.fixture(scope="module")
def wide() -> np.ndarray:
    """A strip of 33 rows that takes two tiles."""
    strip = np.tile(skimage.data.chelsea()[100:133], (1, 3, 1))
    return strip[:, :WIDER_THAN_A_TILE_PX]


@pytest.mark.usefixtures("_runtime")
@pytest.mark.parametrize("model", ["call/student", "paper/student"])
@pytest.mark.parametrize("picture", ["blurred", "wide"])
def test_it_gives_what_the_server_gives_and_sends_nothing(
    screen: Any,
    request: Any,
    to_file: ToFile,
    to_pixels: ToPixels,
    model: str,
    picture: str,
) -> None:
    pixels = request.getfixturevalue(picture)
    sent: list[str] = []
    screen.page.on("request", lambda each: sent.append(each.method))
    screen.find("#model").select_option(model)
    screen.find("label:has(#here)").click()
    screen.choose(to_file(pixels))
    screen.wait("in this browser (WebAssembly")

    here = screen.read("after").astype(int)
    there = to_pixels(screen.sharpen(to_file(pixels), model=model)).astype(int)
    assert not np.array_equal(there, pixels)
    assert np.abs(here - there).max() <= MOST_LEVELS
    assert set(sent) == {"GET"}
    assert screen.page.evaluate("crossOriginIsolated")

    with screen.page.expect_download() as saved:
        screen.find("#download").click()
    np.testing.assert_array_equal(to_pixels(Path(saved.value.path()).read_bytes()), here)


def test_without_the_runtime_it_is_off_and_says_why(open_screen: Any, server: Any) -> None:
    def uninstall(page: Any) -> None:
        page.route("**/page/runtime/*", lambda route: route.fulfill(status=404))

    with open_screen(server.url, prepare=uninstall) as screen:
        expect(screen.find("#here")).to_be_disabled()
        expect(screen.find("#where-hint")).to_contain_text("needs npm")
        expect(screen.find("#use-here")).to_be_disabled()


def test_a_teacher_runs_on_the_server_only(screen: Any) -> None:
    screen.find("#model").select_option("paper/teacher")

    expect(screen.find("#here")).to_be_disabled()
    expect(screen.find("#where-hint")).to_have_text("A teacher is too large to run in a browser.")
