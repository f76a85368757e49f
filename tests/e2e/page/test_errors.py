"""What goes wrong is told in words, can be tried again, and loses nothing."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Route, expect

KEY = "correct horse battery"
BUSY = {
    "type": "urn:sharpening:problem:too-busy",
    "title": "The service has too much to do",
    "status": 429,
    "detail": "there is no room",
}

ToFile = Callable[..., bytes]


def refuse(route: Route, retry_after_s: int) -> None:
    """Answer as a busy service does."""
    headers = {"Content-Type": "application/problem+json", "Retry-After": str(retry_after_s)}
    route.fulfill(status=429, headers=headers, body=json.dumps(BUSY))


@pytest.fixture(scope="module")
def guarded(start_server: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    """A server with a key that takes only small pictures."""
    with start_server(api_key=KEY, max_megapixels="0.02", max_body_bytes="200000") as started:
        yield started


def test_what_is_no_picture_is_told_and_the_one_before_stays(
    screen: Any, blurred: np.ndarray, to_file: ToFile
) -> None:
    screen.choose(to_file(blurred))
    screen.wait()

    screen.choose(b"these are words", into="choose-another", name="words.txt")

    expect(screen.find("#notice-text")).to_contain_text("Pictures of this kind are not handled")
    np.testing.assert_array_equal(screen.read("before"), blurred)


def test_a_busy_service_is_asked_again_after_the_time_that_it_says(
    screen: Any, blurred: np.ndarray, to_file: ToFile
) -> None:
    screen.page.route("**/sharpen?*", lambda route: refuse(route, 2), times=1)
    screen.choose(to_file(blurred))

    expect(screen.find("#notice-text")).to_have_text(
        "The service has too much to do: there is no room."
    )
    expect(screen.find("#notice-countdown")).to_contain_text("Trying again in")
    np.testing.assert_array_equal(screen.read("before"), blurred)
    screen.wait()
    expect(screen.notice).to_be_hidden()


def test_who_does_not_want_to_wait_can_try_now_or_give_up(
    screen: Any, blurred: np.ndarray, to_file: ToFile
) -> None:
    screen.page.route("**/sharpen?*", lambda route: refuse(route, 50), times=2)
    screen.choose(to_file(blurred))
    screen.find("#notice-close").click()
    expect(screen.status).to_have_text("Not sharpened.")

    screen.find("#model").select_option("paper/student")
    screen.find("#notice-retry").click()
    screen.wait()


def test_the_end_of_a_wait_that_was_given_up_takes_no_other_notice_away(
    open_screen: Any, server: Any, blurred: np.ndarray, to_file: ToFile
) -> None:
    with open_screen(server.url, prepare=lambda page: page.clock.install()) as screen:
        screen.page.route("**/sharpen?*", lambda route: refuse(route, 50), times=1)
        screen.choose(to_file(blurred))
        expect(screen.find("#notice-countdown")).to_contain_text("Trying again in")
        screen.choose(b"these are words", into="choose-another")
        expect(screen.find("#notice-text")).to_contain_text("not handled")

        screen.page.clock.run_for(60_000)

        expect(screen.notice).to_be_visible()
        expect(screen.find("#notice-countdown")).to_have_text("")


def test_a_service_that_is_gone_is_told_and_the_work_goes_on_when_it_is_back(
    screen: Any, blurred: np.ndarray, to_file: ToFile
) -> None:
    screen.page.route("**/sharpen?*", lambda route: route.abort("connectionrefused"))
    screen.choose(to_file(blurred))
    expect(screen.find("#notice-text")).to_contain_text("The service does not answer")
    np.testing.assert_array_equal(screen.read("before"), blurred)

    screen.page.unroute("**/sharpen?*")
    screen.find("#notice-retry").click()

    screen.wait()
    expect(screen.notice).to_be_hidden()


def test_the_key_is_asked_for_and_kept_and_too_large_pictures_are_told(
    open_screen: Any, guarded: Any, sharp: np.ndarray, to_file: ToFile
) -> None:
    with open_screen(guarded.url) as screen:
        screen.find("#key-input").fill("a wrong key")
        screen.page.keyboard.press("Enter")
        expect(screen.find("#key-wrong")).to_be_visible()
        screen.find("#key-input").fill(KEY)
        screen.page.keyboard.press("Enter")
        expect(screen.find("html[data-ready]")).to_be_attached()

        screen.choose(to_file(sharp))
        expect(screen.find("#notice-text")).to_contain_text("The picture has too many pixels")
        screen.choose(to_file(sharp[:80, :80]), into="choose-another")
        screen.wait()
        screen.choose(b"\0" * 300_000, into="choose-another")
        expect(screen.notice).to_be_visible()
        assert screen.read("before").shape == (80, 80, 3)

        screen.find("#tab-camera").click()
        screen.find("#camera-size").select_option("320x240")
        screen.find("#camera-toggle").click()
        expect(screen.find("#notice-text")).to_contain_text("too many pixels")
        assert KEY not in screen.page.evaluate("JSON.stringify(localStorage)")
