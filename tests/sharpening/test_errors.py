"""Errors that come from another process are those that were raised there."""

import pickle

import pytest

from sharpening.errors import BrokenImageError, ImageTooLargeError, SharpeningError


@pytest.mark.parametrize(
    "error",
    [
        BrokenImageError("cut short"),
        ImageTooLargeError(width=3, height=2, max_pixels=5),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_can_be_sent_to_another_process(error: SharpeningError) -> None:
    sent = pickle.loads(pickle.dumps(error))

    assert type(sent) is type(error)
    assert str(sent) == str(error)
    assert vars(sent) == vars(error)
