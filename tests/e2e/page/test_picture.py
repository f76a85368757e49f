"""A picture on the page: opened, sharpened, mixed, judged and saved."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import expect

STUDENT = "paper/student"
LEAST_GAIN_DB = 2.5
SAMPLES = Path(__file__).parents[3] / "service" / "page" / "samples"

ToFile = Callable[..., bytes]
ToPixels = Callable[[bytes], np.ndarray]


@pytest.fixture
def opened(screen: Any, blurred: np.ndarray, to_file: ToFile) -> Any:
    """The page with a blurred picture through the student that undoes it."""
    screen.find("#model").select_option(STUDENT)
    screen.choose(to_file(blurred))
    screen.wait()
    return screen


def read_rows(screen: Any) -> list[list[str]]:
    rows = screen.find("#score-rows tr").all()
    return [row.locator("th, td").all_inner_texts() for row in rows]


def list_rows(judgement: Any) -> list[list[str]]:
    return [
        [role.title(), f"{judgement[role]['psnr']:.2f}", f"{judgement[role]['ssim']:.4f}"]
        for role in ("input", "student", "teacher")
    ]


def test_a_sample_is_blurred_and_comes_back_with_the_gain_that_the_service_measures(
    screen: Any,
) -> None:
    screen.find("[data-sample=dog]").click()
    screen.wait()

    sharp = (SAMPLES / "dog.webp").read_bytes()
    judgement = httpx.post(
        f"{screen.url}/evaluate?profile=paper", files={"reference": sharp}, timeout=60
    ).json()
    gain = judgement["student"]["psnr"] - judgement["input"]["psnr"]
    assert gain >= LEAST_GAIN_DB
    assert screen.find("#gain").inner_text() == f"+{gain:.2f} dB"
    assert read_rows(screen) == list_rows(judgement)
    assert screen.find("#model").input_value() == STUDENT
    assert "on the server" in screen.status.inner_text()


def test_both_sides_show_exactly_what_was_sent_and_what_came(
    opened: Any, blurred: np.ndarray, to_file: ToFile, to_pixels: ToPixels
) -> None:
    np.testing.assert_array_equal(opened.read("before"), blurred)
    expected = to_pixels(opened.sharpen(to_file(blurred), model=STUDENT))
    np.testing.assert_array_equal(opened.read("after"), expected)


@pytest.mark.parametrize("strength", [0.0, 0.55, 2.0])
def test_any_strength_is_mixed_at_once_as_the_service_would(
    opened: Any, blurred: np.ndarray, to_file: ToFile, to_pixels: ToPixels, strength: float
) -> None:
    asked: list[str] = []
    opened.page.on("request", lambda request: asked.append(request.url))

    opened.set_strength(strength)

    mixed = opened.read("after")
    assert asked == []
    answer = opened.sharpen(to_file(blurred), model=STUDENT, strength=strength)
    np.testing.assert_array_equal(mixed, to_pixels(answer))
    assert opened.find("#strength-value").inner_text() == f"{strength:.2f}"


@pytest.mark.parametrize(("format_", "ending"), [("png", "png"), ("jpeg", "jpg")])
def test_what_is_saved_is_what_the_service_gives_in_the_kind_that_was_sent(
    screen: Any, blurred: np.ndarray, to_file: ToFile, format_: str, ending: str
) -> None:
    data = to_file(blurred, format_)
    screen.choose(data, name=f"my cat.{format_}")
    screen.wait()
    screen.set_strength(0.5)

    with screen.page.expect_download() as saved:
        screen.find("#download").click()

    assert saved.value.suggested_filename == f"my cat-sharpened.{ending}"
    expected = screen.sharpen(data, model="student", strength=0.5)
    assert Path(saved.value.path()).read_bytes() == expected


def test_an_original_shows_how_near_input_student_and_teacher_are(
    opened: Any, sharp: np.ndarray, blurred: np.ndarray, to_file: ToFile
) -> None:
    opened.choose(to_file(sharp), into="choose-reference")
    expect(opened.find("#scores")).to_be_visible()

    files = {"reference": to_file(sharp), "image": to_file(blurred)}
    judgement = httpx.post(f"{opened.url}/evaluate?profile=paper", files=files, timeout=60).json()
    assert read_rows(opened) == list_rows(judgement)
    expect(opened.find("#score-rows .chosen th")).to_have_text("Student")


def test_an_original_of_another_size_is_refused_in_words_and_nothing_is_lost(
    opened: Any, sharp: np.ndarray, to_file: ToFile
) -> None:
    shown = opened.read("after")

    opened.choose(to_file(sharp[:50]), into="choose-reference")

    expect(opened.find("#notice-text")).to_contain_text("The pictures differ in size")
    expect(opened.find("#scores")).to_be_hidden()
    opened.find("#notice-close").click()
    np.testing.assert_array_equal(opened.read("after"), shown)
    opened.find("#model").select_option("paper/teacher")  # and it is not compared again
    opened.wait("Teacher")
    expect(opened.notice).to_be_hidden()


def test_a_sharp_picture_is_blurred_on_request_and_back(
    screen: Any, sharp: np.ndarray, blurred: np.ndarray, to_file: ToFile
) -> None:
    screen.choose(to_file(sharp))
    screen.wait()

    screen.find("#blur").click()
    expect(screen.find("#blur")).to_have_attribute("aria-pressed", "true")
    screen.wait()
    np.testing.assert_array_equal(screen.read("before"), blurred)
    assert float(screen.find("#gain").inner_text().removesuffix(" dB")) > LEAST_GAIN_DB

    screen.find("#blur").click()
    expect(screen.find("#blur")).to_have_attribute("aria-pressed", "false")
    screen.wait()
    np.testing.assert_array_equal(screen.read("before"), sharp)
    expect(screen.find("#scores")).to_be_hidden()


def test_another_model_is_asked_at_once(
    opened: Any, blurred: np.ndarray, to_file: ToFile, to_pixels: ToPixels
) -> None:
    opened.find("#model").select_option("paper/teacher")
    opened.wait("Teacher")

    expected = to_pixels(opened.sharpen(to_file(blurred), model="paper/teacher"))
    np.testing.assert_array_equal(opened.read("after"), expected)


def test_a_kind_of_file_that_only_the_service_reads_is_opened(
    screen: Any, blurred: np.ndarray, to_file: ToFile
) -> None:
    screen.choose(to_file(blurred, "tiff"), name="cat.tif")
    screen.wait()

    np.testing.assert_array_equal(screen.read("before"), blurred)


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_pictures_are_dropped_and_pasted(
    screen: Any, blurred: np.ndarray, to_file: ToFile, event: str
) -> None:
    screen.page.evaluate(
        """([name, text]) => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], "cat.png", { type: "image/png" }));
            const options = { bubbles: true, dataTransfer: carried, clipboardData: carried };
            const kind = name === "drop" ? DragEvent : ClipboardEvent;
            document.body.dispatchEvent(new kind(name, options));
        }""",
        [event, b64encode(to_file(blurred)).decode()],
    )
    screen.wait()

    np.testing.assert_array_equal(screen.read("before"), blurred)


def test_the_divider_and_the_zoom_answer_to_keys(opened: Any) -> None:
    handle = opened.find("#comparison [role=slider]")
    zoomed = opened.find("#comparison .tools output")
    handle.focus()
    for key, value in [("Home", "0"), ("ArrowRight", "2"), ("PageUp", "12"), ("End", "100")]:
        opened.page.keyboard.press(key)
        expect(handle).to_have_attribute("aria-valuenow", value)

    fitting = zoomed.inner_text()
    opened.find("#comparison .stage").focus()
    opened.page.keyboard.press("1")
    expect(zoomed).to_have_text("100 %")
    for _ in range(8):
        opened.page.keyboard.press("+")
    assert int(zoomed.inner_text().removesuffix(" %")) > 500
    before = opened.find("#comparison canvas").first.bounding_box()
    opened.page.keyboard.press("ArrowRight")
    after = opened.find("#comparison canvas").first.bounding_box()
    assert after["x"] < before["x"]
    opened.page.keyboard.press("0")
    expect(zoomed).to_have_text(fitting)


def test_the_divider_follows_the_pointer(opened: Any) -> None:
    stage = opened.find("#comparison .stage").bounding_box()
    handle = opened.find("#comparison [role=slider]")

    opened.page.mouse.move(stage["x"] + stage["width"] / 2, stage["y"] + 20)
    opened.page.mouse.down()
    opened.page.mouse.move(stage["x"] + stage["width"] / 4, stage["y"] + 20)
    opened.page.mouse.up()

    expect(handle).to_have_attribute("aria-valuenow", "25")
