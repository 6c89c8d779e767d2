"""The cores that this process may compute with: what it is granted, and what others leave free.

torch takes a thread for each core that it may run on. It looks neither at a container's quota
(where that is 2 of 64 cores, 64 threads take turns on 2) nor at what else runs: threads that meet
at every time step of a recurrent layer all wait for the one that shares its core."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CGROUP = Path("/sys/fs/cgroup")
STATISTICS = Path("/proc/stat")


def count_cores(root: Path = CGROUP) -> float:
    """The cores that this process may use: the least of what the machine has, its affinity and its
    control group's quota.

    Args:
        root: where control groups are mounted
    """
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        allowed = os.cpu_count() or 1
    return min(float(allowed), *read_quotas(root), float(os.cpu_count() or 1))


def read_quotas(root: Path = CGROUP) -> list[float]:
    """The quotas of this process's control group and those above it, in cores; empty without any.

    Version 2 has cpu.max ("200000 100000": 2 cores), version 1 cpu.cfs_quota_us and its period."""
    quotas = []
    for folder in list_groups(root):
        try:
            if (folder / "cpu.max").is_file():
                quota, period = (folder / "cpu.max").read_text().split()
            else:
                quota = (folder / "cpu.cfs_quota_us").read_text().strip()
                period = (folder / "cpu.cfs_period_us").read_text().strip()
            if quota not in ("max", "-1"):
                quotas.append(int(quota) / int(period))
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return quotas


def list_groups(root: Path) -> Iterator[Path]:
    """The folders of this process's control group and of those above it."""
    yield from (root, root / "cpu", root / "cpu,cpuacct")
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number != "0" and "cpu" not in controllers.split(","):
            continue
        mounts = [root] if number == "0" else [root / "cpu", root / "cpu,cpuacct"]
        inner = Path(path.lstrip("/"))
        for mount in mounts:
            yield from (mount / each for each in (inner, *inner.parents) if str(each) != ".")


class CoreTimes(NamedTuple):
    """Seconds since the machine started, of the cores that this process may run on together.

    Attributes:
        everything: of all cores
        free: idle, or spent on programs of lower priority (nice), which give way
        own: this process's
    """

    everything: float
    free: float
    own: float


def read_core_times(path: Path = STATISTICS) -> CoreTimes | None:
    """What the kernel has counted so far; None on systems without /proc/stat.

    A line there is "cpu1 user nice system idle iowait irq softirq steal ..." in hundredths of a
    second."""
    try:
        lines = path.read_text().splitlines()
        allowed = os.sched_getaffinity(0)
        own = time.process_time()
        polite = os.getpriority(os.PRIO_PROCESS, 0) > 0  # nice programs do not give way to it
    except (OSError, AttributeError):  # not on macOS
        return None
    everything = free = 0.0
    for line in lines:
        name, *counts = line.split()
        if not (name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in allowed):
            continue
        spent = [int(count) / 100 for count in counts[:8]]
        everything += sum(spent)
        free += spent[3] + spent[4] + (0.0 if polite else spent[1])
    return CoreTimes(everything, free, own)


def measure_free_cores(seconds: float = 0.1, path: Path = STATISTICS) -> float | None:
    """How many of the cores that this process may run on other programs leave free, 1.3 for
    instance; None where that cannot be read.

    Args:
        seconds: for how long it looks
        path: the kernel's statistics
    """
    before = read_core_times(path)
    time.sleep(seconds)
    after = read_core_times(path)
    if before is None or after is None or after.everything <= before.everything:
        return None
    cores = len(os.sched_getaffinity(0))
    share = (after.free - before.free + after.own - before.own) / (
        after.everything - before.everything
    )
    return cores * min(1.0, max(0.0, share))


def describe_threads(threads: int) -> str:
    """Why this process has so many threads, and whether they are too many, in words."""
    granted = count_cores()
    cores = f"{granted:g} {'core' if granted == 1 else 'cores'}"
    if threads > granted + 0.5:
        return (
            f"more than the {cores} granted to this process: they wait for one another; "
            "torch.set_num_threads sets fewer"
        )
    if threads >= int(granted):
        rounded = "" if threads == granted else ", rounded"
        return f"one for each of the {cores} granted to this process{rounded}"
    return f"fewer than the {cores} granted, as torch.set_num_threads or OMP_NUM_THREADS says"
