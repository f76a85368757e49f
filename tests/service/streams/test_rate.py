"""A second's messages at once, and then no more than the rate."""

from service.streams.rate import Rate


def test_no_more_than_the_rate_gets_through() -> None:
    now_s = 0.0
    rate = Rate(8, clock=lambda: now_s)

    at_once = sum(rate.take() for _ in range(100))
    later = 0
    for _ in range(100):
        now_s += 1 / 16
        later += rate.take()

    assert at_once == 8
    assert later == 50


def test_a_slow_rate_lets_one_through() -> None:
    rate = Rate(0.1, clock=lambda: 0.0)

    assert [rate.take(), rate.take()] == [True, False]


def test_a_pause_saves_up_one_second_at_the_most() -> None:
    now_s = 0.0
    rate = Rate(10, clock=lambda: now_s)
    now_s = 1000.0

    assert sum(rate.take() for _ in range(100)) == 10
