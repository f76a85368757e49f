import os
from pathlib import Path

import pytest

from service.processors import count_cpus

PLENTY = 64


@pytest.fixture(autouse=True)
def _many_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(PLENTY)), raising=False)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def count(tmp_path: Path, own: str = "0::/\n") -> int:
    write(tmp_path / "own", own)
    return count_cpus(cgroups=tmp_path / "cgroup", own_cgroup=tmp_path / "own")


def test_without_a_quota_it_is_what_the_process_is_bound_to(tmp_path: Path) -> None:
    write(tmp_path / "cgroup/cpu.max", "max 100000\n")

    assert count(tmp_path) == PLENTY


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("200000 100000", 2), ("350000 100000", 3), ("50000 100000", 1), ("9999999 100000", PLENTY)],
)
def test_quota_of_version_2_counts_in_whole_cpus(tmp_path: Path, quota: str, expected: int) -> None:
    write(tmp_path / "cgroup/cpu.max", f"{quota}\n")

    assert count(tmp_path) == expected


def test_quota_of_an_outer_group_counts_too(tmp_path: Path) -> None:
    write(tmp_path / "cgroup/outer/cpu.max", "300000 100000\n")
    write(tmp_path / "cgroup/outer/inner/cpu.max", "max 100000\n")

    assert count(tmp_path, "0::/outer/inner\n") == 3


def test_quota_of_version_1_counts(tmp_path: Path) -> None:
    group = tmp_path / "cgroup/cpu/service"
    write(group / "cpu.cfs_quota_us", "400000\n")
    write(group / "cpu.cfs_period_us", "100000\n")

    assert count(tmp_path, "5:memory:/other\n4:cpu,cpuacct:/service\n") == 4


def test_no_quota_of_version_1_is_minus_one(tmp_path: Path) -> None:
    write(tmp_path / "cgroup/cpu/cpu.cfs_quota_us", "-1\n")
    write(tmp_path / "cgroup/cpu/cpu.cfs_period_us", "100000\n")

    assert count(tmp_path) == PLENTY


def test_this_process_has_some() -> None:
    assert 1 <= count_cpus() <= PLENTY
