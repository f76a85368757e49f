"""What may be said of a stream's frames, and what happens to what may not."""

import json

import pytest

from service.errors import InvalidOptionsError
from service.streams.options import (
    MAX_MESSAGE_LENGTH,
    StreamOptions,
    change_options,
    read_query,
)


def test_a_query_says_the_first_options() -> None:
    query = {"model": "teacher", "strength": "0.5", "format": "webp", "quality": "70"}

    options = read_query(query)

    assert options == StreamOptions(model="teacher", strength=0.5, format="webp", quality=70)
    assert read_query({}) == StreamOptions(model="student", strength=1, format="jpeg", quality=None)


def test_a_message_changes_what_it_names_and_nothing_else() -> None:
    before = StreamOptions(model="teacher", strength=0.5, quality=70)

    after = change_options(before, '{"strength": 2, "format": "raw"}')

    assert after == StreamOptions(model="teacher", strength=2, format="raw", quality=70)
    assert change_options(after, '{"quality": null}').quality is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("strength", 3),
        ("strength", "0.5"),
        ("strength", True),
        ("format", "png"),
        ("quality", 0),
        ("quality", 1.5),
        ("model", 7),
        ("speed", "fast"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(InvalidOptionsError, match=name) as refused:
        change_options(StreamOptions(), json.dumps({name: value}))
    assert list(refused.value.invalid) == [name]


@pytest.mark.parametrize(
    "message", ["", "text", "[1]", "7", "null", '{"strength": NaN}', '{"a":' * 700, "[" * 4000]
)
def test_what_is_no_object_is_refused(message: str) -> None:
    with pytest.raises(InvalidOptionsError):
        change_options(StreamOptions(), message)


def test_a_long_message_is_not_even_looked_at() -> None:
    message = json.dumps({"model": "student"}).ljust(MAX_MESSAGE_LENGTH + 1)

    with pytest.raises(InvalidOptionsError, match="characters"):
        change_options(StreamOptions(), message)


@pytest.mark.parametrize("query", [{"strength": "much"}, {"strength": "nan"}, {"speed": "1"}])
def test_a_bad_query_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(InvalidOptionsError, match=next(iter(query))):
        read_query(query)
