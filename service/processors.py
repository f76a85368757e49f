"""How many CPUs this process may use: a container may be given fewer than the machine has."""

import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")


def count_cpus(*, cgroups: Path = _CGROUPS, own_cgroup: Path = _OWN_CGROUP) -> int:
    """Return the least of the CPUs that this process is bound to and its cgroups' quotas, >= 1.

    Quotas are read as cgroup v2 and v1 write them (https://docs.kernel.org/admin-guide/cgroup-v2.html,
    https://docs.kernel.org/scheduler/sched-bwc.html); a part of a CPU counts as none.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quotas = [_read_quota(folder) for folder in _list_folders(cgroups, own_cgroup)]
    return max(1, int(min([bound or 1, *(quota for quota in quotas if quota is not None)])))


def _list_folders(cgroups: Path, own_cgroup: Path) -> list[Path]:
    """Return the folders whose quota binds this process: its own and all above it.

    In a container the own one is often mounted as the root, hence the roots too.
    """
    folders = [cgroups, cgroups / "cpu"]
    for line in _read(own_cgroup).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = cgroups / "cpu" if controllers else cgroups
        own = root / path.lstrip("/")
        folders += [own, *own.parents]
    return [folder for folder in dict.fromkeys(folders) if folder.is_relative_to(cgroups)]


def _read_quota(folder: Path) -> float | None:
    quota, _, period = _read(folder / "cpu.max").partition(" ")
    if not quota:
        quota = _read(folder / "cpu.cfs_quota_us")
        period = _read(folder / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
