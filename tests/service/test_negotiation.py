import numpy as np
import pytest

from service.errors import NotAcceptableError
from service.negotiation import choose_format, choose_media_type, has_tag, rank_offers
from sharpening.codec import Format, Image
from sharpening.errors import CannotEncodeError

OPAQUE = Image(np.zeros((2, 2, 3), np.uint8), format="jpeg")
TRANSPARENT = Image(np.zeros((2, 2, 3), np.uint8), alpha=np.zeros((2, 2), np.uint8), format="png")
BROWSER = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "jpeg"),
        ("", "jpeg"),
        ("*/*", "jpeg"),
        ("image/*", "jpeg"),
        ("image/webp", "webp"),
        ("IMAGE/PNG", "png"),
        ("image/webp;q=0.5, image/tiff", "tiff"),
        ("image/jpeg;q=0, */*", "png"),
        (BROWSER, "jpeg"),
    ],
)
def test_accept_decides_and_the_format_sent_comes_first(
    accept: str | None, expected: Format
) -> None:
    assert choose_format(OPAQUE, requested=None, accept=accept) == expected


@pytest.mark.parametrize(
    "accept", ["text/html", "image/gif", "image/png;q=0", "image/png;q=x", ","]
)
def test_nothing_acceptable_is_an_error_that_lists_the_formats(accept: str) -> None:
    with pytest.raises(NotAcceptableError, match="image/webp"):
        choose_format(OPAQUE, requested=None, accept=accept)


def test_a_format_that_is_named_beats_accept() -> None:
    assert choose_format(OPAQUE, requested="tiff", accept="image/png") == "tiff"


def test_a_named_format_that_cannot_hold_the_picture_is_an_error() -> None:
    with pytest.raises(CannotEncodeError, match="transparency"):
        choose_format(TRANSPARENT, requested="jpeg", accept=None)


def test_accept_falls_back_to_the_next_format_that_holds_the_picture() -> None:
    accept = "image/jpeg, image/webp;q=0.5"

    assert choose_format(TRANSPARENT, requested=None, accept=accept) == "webp"


def test_accept_that_no_format_satisfies_says_why() -> None:
    with pytest.raises(NotAcceptableError, match="transparency"):
        choose_format(TRANSPARENT, requested=None, accept="image/jpeg")


WIDE = Image(np.zeros((2, 17_000, 3), np.uint8), format="png")


def test_a_side_too_long_for_a_format_leaves_the_next() -> None:
    accept = "image/webp, image/png;q=0.5"

    assert choose_format(WIDE, requested=None, accept=accept) == "png"


def test_a_named_format_whose_sides_are_too_short_is_an_error() -> None:
    with pytest.raises(CannotEncodeError, match="17000x2 px"):
        choose_format(WIDE, requested="webp", accept=None)


def test_another_type_comes_before_the_formats_unless_it_is_less_wanted() -> None:
    others = ["application/json"]

    assert choose_media_type(OPAQUE, accept=None, others=others) == "application/json"
    less_wanted = "application/json;q=0.9, image/*"
    assert choose_media_type(OPAQUE, accept=less_wanted, others=others) == "image/jpeg"


def test_another_type_is_taken_where_no_wanted_format_holds_the_picture() -> None:
    accept = "image/jpeg, application/json;q=0.5"

    chosen = choose_media_type(TRANSPARENT, accept=accept, others=["application/json"])

    assert chosen == "application/json"


def test_the_most_specific_range_decides() -> None:
    offers = ["image/png", "image/webp", "application/json"]

    ranked = rank_offers("*/*;q=0.1, image/*;q=0.5, image/png;q=0.2", offers)

    assert ranked == ["image/webp", "image/png", "application/json"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, False),
        ("", False),
        ('"a"', True),
        ('"b", "a"', True),
        ('W/"a"', True),
        ("*", False),
        ("a", False),
        ('"b"', False),
        ('"aa"', False),
    ],
)
def test_a_tag_is_known_where_the_header_names_it(header: str | None, expected: bool) -> None:
    assert has_tag(header, '"a"') is expected
