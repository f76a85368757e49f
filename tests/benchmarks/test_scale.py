"""The arithmetic of the cost model, and that its command prints what it says."""

import sys

import pytest

from benchmarks import scale
from benchmarks.scale import Cost, reckon

MIB = 1024**2


def test_needs_grow_with_the_rate() -> None:
    cost = Cost(core_s=0.07, sent_bytes=50_000, answered_bytes=75_000, replica_bytes=512 * MIB)

    need = reckon(cost, 1000)

    assert need.cores == pytest.approx(1000 * 0.07 / 0.7)
    assert need.machines == 2  # of 64 cores
    assert need.replica_gib == pytest.approx(100 * 0.5)
    assert need.network_gbit_s == pytest.approx(1.0)
    assert not need.is_bound_by_network


def test_quick_work_on_large_pictures_fills_the_network_first() -> None:
    cost = Cost(core_s=0.001, sent_bytes=1_000_000, answered_bytes=1_000_000, replica_bytes=MIB)

    need = reckon(cost, 10_000)  # 160 Gbit/s, of which a machine takes 17.5

    assert need.machines == 10
    assert need.cores == pytest.approx(10_000 * 0.001 / 0.7)
    assert need.is_bound_by_network


@pytest.mark.slow
def test_the_command_prints_costs_the_check_and_a_row_for_each_rate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["scale", "--seconds", "0.1", "--gpu-pictures-per-s", "500"])

    scale.main()

    costs, check, needs = capsys.readouterr().out.strip().split("\n\n")
    assert "| pictures/s of one core | " in costs
    assert "foretold" in check
    head, _, *rows = needs.splitlines()
    assert [row.split("|")[1].strip() for row in rows] == [f"{rate:,}" for rate in scale.RATES]
    assert {row.count("|") for row in (head, *rows)} == {7}
    assert rows[-1].split("|")[6].strip() == "2,858"
