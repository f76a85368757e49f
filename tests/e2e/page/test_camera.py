"""The camera through the stream and through the browser itself; its frames come from a file."""

import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

MEASURED = re.compile(r"\d")


@pytest.fixture
def camera(screen: Any) -> Any:
    screen.find("#tab-camera").click()
    screen.find("#camera-size").select_option("320x240")
    screen.find("#camera-model").select_option("paper/student")
    return screen


def check_view(screen: Any, name: str) -> None:
    """Frames come, are counted and timed, and are sharper than the camera's."""
    for figure in screen.find(f"#figures-{name} dd").all():
        expect(figure).to_have_text(MEASURED)
    before, after = (screen.read(side, within=f"#live-{name}") for side in ("before", "after"))
    assert before.shape == after.shape == (240, 320, 3)
    assert measure_detail(after) > 1.2 * measure_detail(before)


def measure_detail(pixels: np.ndarray) -> float:
    return float(np.abs(np.diff(pixels.astype(float), axis=1)).mean())


def test_frames_go_through_the_server_until_it_is_stopped(camera: Any) -> None:
    camera.page.evaluate(
        """() => {
            const devices = navigator.mediaDevices;
            const lend = devices.getUserMedia.bind(devices);
            devices.getUserMedia = async (wishes) => (window.lent = await lend(wishes));
        }"""
    )
    if camera.find("#use-here").is_enabled():
        camera.find("#use-here").uncheck()

    camera.find("#camera-toggle").click()
    check_view(camera, "server")
    expect(camera.find("#camera-status")).to_contain_text("240 px")

    camera.find("#camera-toggle").click()
    expect(camera.find("#camera-toggle")).to_have_text("Start the camera")
    states = camera.page.evaluate("lent.getTracks().map((track) => track.readyState)")
    assert states == ["ended"]


@pytest.mark.usefixtures("_runtime")
def test_server_and_browser_run_side_by_side(camera: Any) -> None:
    camera.find("#camera-toggle").click()

    check_view(camera, "here")
    check_view(camera, "server")
    expect(camera.find("#here-off")).to_contain_text("WebAssembly")
    expect(camera.notice).to_be_hidden()


@pytest.mark.usefixtures("_runtime")
def test_what_runs_here_alone_sends_no_frame(camera: Any) -> None:
    opened: list[str] = []
    camera.page.on("websocket", lambda socket: opened.append(socket.url))
    camera.find("#use-server").uncheck()

    camera.find("#camera-toggle").click()

    check_view(camera, "here")
    assert opened == []


def test_a_camera_that_is_refused_is_told_in_words(open_screen: Any, server: Any) -> None:
    def refuse(page: Any) -> None:
        page.add_init_script(
            "navigator.mediaDevices.getUserMedia = () =>"
            " Promise.reject(new DOMException('', 'NotAllowedError'));"
        )

    with open_screen(server.url, prepare=refuse) as screen:
        screen.find("#tab-camera").click()
        screen.find("#camera-toggle").click()

        expect(screen.find("#notice-text")).to_contain_text("not to lend this page the camera")
        expect(screen.find("#camera-toggle")).to_have_text("Start the camera")
