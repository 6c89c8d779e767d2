"""The group of processes that train one model, as each of them sees it.

    launched = read_launched()          # from the environment set by torchrun or --processes
    with join(launched, "cpu") as group:
        if group.is_main: ...           # only this one writes
        score = group.share(score)      # the value of process 0, in all of them

A run in a single process has the group `ALONE`, which communicates nothing. Messages are JSON and
tensors, never pickles: no message can execute code."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import torch
import torch.distributed as processes
from torch import Tensor

from ostinato.errors import InputError
from ostinato.training.distributed import TIMEOUT, ProcessLost, losing_processes

PATIENCE = timedelta(days=14)  # the timeout while process 0 evaluates or saves
STORE = "OSTINATO_STORE"  # the file at which the processes of --processes meet


class Launched(NamedTuple):
    """The place of this process in its group, as set by the launcher.

    Attributes:
        rank: rank of this process, from 0
        size: number of processes on all machines (the world size)
        local_rank: rank of this process on its machine, and the index of its GPU
        local_size: number of processes on this machine
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1


def read_launched(environment: Mapping[str, str] | None = None) -> Launched:
    """Reads the environment variables of torchrun; without them, one process.

    Raises:
        InputError: the variables contradict each other.
    """
    given = os.environ if environment is None else environment
    if not {"RANK", "WORLD_SIZE"} <= given.keys() or not {"MASTER_ADDR", STORE} & given.keys():
        return Launched()
    try:
        rank, size = int(given["RANK"]), int(given["WORLD_SIZE"])
        local_rank = int(given.get("LOCAL_RANK", rank))
        local_size = int(given.get("LOCAL_WORLD_SIZE", size))
    except ValueError:
        raise InputError("RANK and WORLD_SIZE in the environment must be whole numbers") from None
    if not (0 <= rank < size and 0 <= local_rank < local_size <= size):
        raise InputError(
            f"RANK {rank}, WORLD_SIZE {size}, LOCAL_RANK {local_rank} and LOCAL_WORLD_SIZE "
            f"{local_size} in the environment do not fit together; start with torchrun"
        )
    return Launched(rank, size, local_rank, local_size)


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that train one model.

    Attributes:
        rank: rank of this process, from 0
        size: number of processes
        control: the torch group with a long timeout, for evaluations; None if alone
        quick: the torch group of CPU tensors, with the timeout of a step; None if alone
    """

    rank: int = 0
    size: int = 1
    control: Any = None
    quick: Any = None

    @property
    def is_main(self) -> bool:
        """Whether this is process 0, which alone evaluates and writes."""
        return self.rank == 0

    def wait(self) -> None:
        """A barrier: returns when all processes have called it."""
        self.gather(None)

    def gather(self, value: Any) -> list[Any]:
        """All-gather: the JSON values of all processes, by rank."""
        if self.size == 1:
            return [value]
        content = torch.tensor(list(json.dumps(value).encode()), dtype=torch.uint8)
        with losing_processes():
            size = torch.tensor([len(content)])
            sizes = [torch.zeros_like(size) for _ in range(self.size)]
            processes.all_gather(sizes, size, group=self.control)
            longest = int(max(int(each) for each in sizes))
            padded = torch.zeros(longest, dtype=torch.uint8)
            padded[: len(content)] = content
            parts = [torch.zeros_like(padded) for _ in range(self.size)]
            processes.all_gather(parts, padded, group=self.control)
        return [
            json.loads(bytes(part[: int(size)].tolist()))
            for part, size in zip(parts, sizes, strict=True)
        ]

    def share(self, value: Any) -> Any:
        """Broadcast: returns the JSON value of process 0; the arguments of the others are ignored.

        Process 0 does not wait for the others: one that hangs is noticed in the next step."""
        if self.size == 1:
            return value
        content = torch.tensor(list(json.dumps(value).encode()), dtype=torch.uint8)
        size = torch.tensor([len(content)])
        with losing_processes():
            processes.broadcast(size, 0, group=self.control)
            content = content if self.is_main else torch.zeros(int(size), dtype=torch.uint8)
            processes.broadcast(content, 0, group=self.control)
        return json.loads(bytes(content.tolist()))

    def gather_rows(self, tensors: Sequence[Tensor], rows: int) -> list[Tensor]:
        """Gathers the tensors [N, ...] of the whole batch from the rows of each process.

        Args:
            tensors: this process's rows of each, [N / size, ...]: rows rank, rank + size, ...
            rows: N, the number of rows of the whole batch

        Returns:
            The whole tensors, on the CPU.
        """
        if self.size == 1:
            return list(tensors)
        return [self._gather_one(tensor, rows) for tensor in tensors]

    def own_rows(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The rows of this process: the inverse of `gather_rows`."""
        if self.size == 1:
            return list(tensors)
        return [
            tensor[self.rank :: self.size] if self.rank < len(tensor) else tensor[:1]
            for tensor in tensors
        ]

    def _gather_one(self, tensor: Tensor, rows: int) -> Tensor:
        most = -(-rows // self.size)
        own = tensor.detach().cpu()
        padded = own.new_zeros(max(1, most), *own.shape[1:])
        padded[: len(own)] = own
        parts = [torch.zeros_like(padded) for _ in range(self.size)]
        with losing_processes():
            processes.all_gather(parts, padded, group=self.quick)
        # row r of the batch is row r // size of process r % size
        return torch.stack(parts, 1).flatten(0, 1)[:rows].clone()


ALONE = ProcessGroup()


@contextmanager
def join(
    launched: Launched, device: str, *, timeout: timedelta = TIMEOUT
) -> Iterator[ProcessGroup]:
    """Forms the group with the other processes, by gloo on the CPU and NCCL on CUDA.

    Args:
        launched: from `read_launched`
        device: cpu or cuda
        timeout: how long a process waits for the others within a step

    Raises:
        ProcessLost: the other processes did not join in time.
        InputError: the number of processes is not the number launched.
    """
    if launched.size == 1:
        yield ALONE
        return
    on_cuda = device.startswith("cuda")
    if on_cuda:
        torch.cuda.set_device(launched.local_rank)
    store = os.environ.get(STORE)
    with losing_processes():
        processes.init_process_group(
            "nccl" if on_cuda else "gloo",
            init_method=f"file://{store}" if store else "env://",
            rank=launched.rank,
            world_size=launched.size,
            timeout=timeout,
        )
        # waits for process 0's evaluations, too: a process that dies is noticed all the same
        control = processes.new_group(backend="gloo", timeout=PATIENCE)
        quick = processes.new_group(backend="gloo", timeout=timeout)
    group = ProcessGroup(launched.rank, launched.size, control, quick)
    try:
        met = sorted(group.gather(launched.rank))
        if met != list(range(launched.size)):
            raise InputError(
                f"{launched.size} processes were launched, but {len(set(met))} have met; "
                "start them again"
            )
        yield group
    finally:
        processes.destroy_process_group()


def refuse_differences(group: ProcessGroup, found: Mapping[str, str]) -> None:
    """Raises InputError if the settings or data of a process differ from those of process 0.

    Args:
        group: the group of all processes
        found: digests that must agree, by a name for the message
    """
    everything = group.gather(dict(found))
    for rank, other in enumerate(everything):
        for name, value in everything[0].items():
            if other.get(name) != value:
                raise InputError(
                    f"process {rank} has other {name} than process 0; give all processes the same "
                    "files and settings"
                )


__all__ = [
    "ALONE",
    "Launched",
    "ProcessGroup",
    "ProcessLost",
    "join",
    "read_launched",
    "refuse_differences",
]
