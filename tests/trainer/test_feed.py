"""A feed gives what the sampler draws, in the order asked for, whoever draws it."""

from collections.abc import Iterator

import numpy as np
import pytest

from trainer.feed import AHEAD, Request, feed
from trainer.patches import Sampler

SIDE_PX = 16


@pytest.fixture
def sampler() -> Sampler:
    noise = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)
    return Sampler([{"sharp": each} for each in noise], seed=1)


def requests(asked: list[int]) -> Iterator[Request]:
    for step in range(100):
        asked.append(step)
        yield Request(2 * step, 2, SIDE_PX)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_in_the_order_asked_for(sampler: Sampler, workers: int) -> None:
    batches = feed(sampler, requests([]), workers=workers)
    for step, batch in zip(range(10), batches, strict=False):
        expected = sampler.draw(2 * step, 2, SIDE_PX)
        assert np.array_equal(batch["sharp"].numpy(), expected["sharp"])


def test_no_more_is_drawn_ahead_than_stated(sampler: Sampler) -> None:
    asked: list[int] = []
    batches = feed(sampler, requests(asked), workers=2)
    next(batches)
    assert len(asked) <= 2 * AHEAD + 1
    none_ahead: list[int] = []
    next(feed(sampler, requests(none_ahead)))
    assert len(none_ahead) == 1
