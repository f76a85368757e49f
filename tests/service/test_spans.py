from service.inference import Timed
from service.spans import Spans


def test_server_timing_is_in_milliseconds_and_adds_up_the_waits() -> None:
    spans = Spans.of(Timed(None, 0.001, 0.01), Timed(None, 0.002, 0.02), Timed(None, 0.004, 0.03))

    assert spans.server_timing == (
        "decode;dur=10.00, queue;dur=7.00, model;dur=20.00, encode;dur=30.00"
    )
