"""The benchmarks of the service come out of their commands; their figures are not judged here."""

import sys

import pytest

from benchmarks import memory, service, stream
from benchmarks.server import Server


@pytest.mark.slow
def test_the_table_of_the_service_has_a_row_for_each_number_of_clients(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--clients", "1", "2", "--seconds", "0.1", "--setting", "max_wait_s=300"]
    monkeypatch.setattr(sys, "argv", ["service", *arguments])

    service.main()

    ready, table, budget = capsys.readouterr().out.strip().split("\n\n")
    assert ready.startswith("ready after ")
    head, line, *rows = table.splitlines()
    assert [row.split("|")[1].strip() for row in rows] == ["1", "2"]
    assert {text.count("|") for text in (head, line, *rows)} == {11}
    stages = [row.split("|")[1].strip() for row in budget.splitlines()[2:]]
    assert stages == ["decode", "queue", "model", "encode", "all else: sending, HTTP"]


@pytest.mark.slow
def test_the_tables_of_the_stream_have_a_row_for_each_rate_and_each_student(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--seconds", "0.5", "--fps", "10", "30", "--flicker-frames", "2"]
    monkeypatch.setattr(sys, "argv", ["stream", *arguments])

    stream.main()

    streams, flicker = capsys.readouterr().out.strip().split("\n\n")
    head, line, *rows = streams.splitlines()
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    assert [row[1] for row in cells] == ["10", "30"]
    assert {text.count("|") for text in (head, line, *rows)} == {15}
    for row in cells:
        sent, delivered, newer, busy = (int(row[index]) for index in (2, 3, 5, 6))
        assert sent == delivered + newer + busy > 0
    assert flicker.count("`paper` student") == flicker.count("`call` student") == 2


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_of_a_server_stays_where_it_is_once_it_is_warm(server: Server) -> None:
    (_, warm), *later = memory.send_mixed(server, 300, 128, parts=3)

    assert max(held for _, held in later) - warm < ALLOWED_BYTES
    assert "peak" in memory.measure_large(server, 1)


ALLOWED_BYTES = 100 * 1024 * 1024
"""Of a few hundred requests; `benchmarks/memory.py` sends thousands and prints what they leave."""
