"""The number of threads that a process uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ostinato.errors import InputError, option_name
from ostinato.kernels.cores import count_cores, measure_free_cores
from ostinato.notices import notify

# of a core that others leave free: from here on a thread of its own is worth having there
WORTH_A_THREAD = 0.75


def choose_threads(given: str, processes: int = 1, before: int | None = None) -> int:
    """The threads of each of the `processes` on this machine.

    choose_threads("auto", processes=2) on 8 cores -> 4

    Args:
        given: a number, or "auto": the processes share the cores that this container or machine
            grants and that other programs leave free. Where a thread shares its core, all others
            wait for it, so that fewer threads are faster
        processes: on this machine
        before: the number that a resumed run had, which "auto" keeps, so that sums are rounded as
            before
    """
    import torch

    number = read_threads(given)
    if number is not None:
        return number
    share = min(share_cores(count_cores(), processes), torch.get_num_threads())
    if before is not None:
        return min(before, share)
    if share == 1 or processes > 1:  # the others are about to be as busy as this one
        return share
    free = measure_free_cores()
    fewer = share if free is None else count_free_threads(free, share)
    if fewer < share:
        notify(f"{fewer} of {share} threads: other programs are busy; --threads {share} takes all")
    return fewer


def share_cores(cores: float, processes: int) -> int:
    """The threads of each process: share_cores(1.5, 1) -> 2; share_cores(1.4, 1) -> 1.

    Half a core more of a quota is worth a thread: with a quota of 1.5 cores two threads, which
    are both stopped for a quarter of the time, are faster than one. Several processes never take
    more threads than there are cores.
    """
    return max(1, int(cores + 0.5) if processes == 1 else int(cores / processes))


def read_threads(given: str) -> int | None:
    """Parses the value of --threads; None for "auto".

    Raises:
        InputError: the value is neither a number in range nor "auto".
    """
    if given == "auto":
        return None
    if not (given.isascii() and given.isdigit() and 0 < int(given) <= 4096):
        raise InputError(
            f"{option_name('threads')}: expected a number from 1 to 4096 or auto; got {given!r:.40}"
        )
    return int(given)


def count_free_threads(free: float, share: int) -> int:
    """count_free_threads(1.1, share=2) -> 1; count_free_threads(1.8, share=2) -> 2"""
    return min(share, max(1, int(free + 1 - WORTH_A_THREAD)))


@contextmanager
def use_threads(number: int) -> Iterator[None]:
    """Sets the number of threads of torch and of the kernels during the `with` block."""
    import torch

    before = torch.get_num_threads()
    if number != before:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        if number != before:
            torch.set_num_threads(before)
