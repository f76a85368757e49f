"""So many streams and no more; all of them can be told to end."""

from contextlib import ExitStack

import pytest

from service.errors import TooBusyError
from service.streams.gate import StreamGate


def test_there_are_only_so_many_places_and_they_come_free() -> None:
    gate = StreamGate(max_streams=2)
    with ExitStack() as streams:
        for _ in range(2):
            streams.enter_context(gate.enter(object().__hash__))
        with pytest.raises(TooBusyError, match="2 streams"), gate.enter(print):
            pass
        assert gate.open == 2

    assert gate.open == 0
    with gate.enter(print):
        pass


def test_every_open_stream_is_told_to_end_each_time() -> None:
    told: list[str] = []
    gate = StreamGate(max_streams=3)
    with gate.enter(lambda: told.append("a")), gate.enter(lambda: told.append("b")):
        gate.stop()
        gate.stop()
    gate.stop()

    assert sorted(told) == ["a", "a", "b", "b"]
