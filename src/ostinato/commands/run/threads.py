"""How many threads a process computes with.

torch takes one for each core that it may run on, but does not look at a container's quota: where
that is 2 of 64 cores, 64 threads take turns on 2."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ostinato.errors import InputError, option_name

CGROUP = Path("/sys/fs/cgroup")


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


def choose_threads(given: str, processes: int = 1) -> int:
    """The threads of each of the `processes` on this machine; "auto": they share the cores.

    choose_threads("auto", processes=2) on 8 cores -> 4"""
    import torch

    if given == "auto":
        share = max(1, int(count_cores() / processes))
        return min(share, torch.get_num_threads())
    if not (given.isascii() and given.isdigit() and 0 < int(given) <= 4096):
        raise InputError(
            f"{option_name('threads')}: expected a number from 1 to 4096 or auto; got {given!r:.40}"
        )
    return int(given)


@contextmanager
def use_threads(number: int) -> Iterator[None]:
    """torch and our kernels compute with this many threads in the block."""
    import torch

    before = torch.get_num_threads()
    if number != before:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        if number != before:
            torch.set_num_threads(before)
