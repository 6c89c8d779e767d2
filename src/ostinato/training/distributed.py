"""Several processes that train one model: each takes its rows of every batch, and the gradients are added up.

    with joined(rank, size, store):                        # in each of the processes, all seeded alike
        for progress in train(Split(model), batches, optimizer, reduce=add_gradients):
            ...

The processes go through the same batches in the same order, so that N processes take the very steps of one process
(up to rounding), and a run may be resumed with another number of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as processes
from torch import Tensor, nn

from ostinato.cells.state import State
from ostinato.data.batching.batch import Batch

TIMEOUT = timedelta(
    minutes=10
)  # a process that died or hangs is an error of the others, not an endless wait


@contextmanager
def joined(rank: int, size: int, store: Path, *, timeout: timedelta = TIMEOUT) -> Iterator[None]:
    """Process `rank` of `size` meets the others at the file `store`, which none of them has made before."""
    if not 0 <= rank < size:
        raise ValueError(f"rank: must be from 0 to {size - 1}, with size {size}; got {rank}")
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    processes.init_process_group(
        backend, init_method=f"file://{store}", rank=rank, world_size=size, timeout=timeout
    )
    try:
        yield
    finally:
        processes.destroy_process_group()


class Split(nn.Module):
    """A model whose `loss` runs on this process's rows of a batch, and counts those of all."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def loss(self, batch: Batch, state: State = None) -> tuple[Tensor, int, State]:
        """(total, count, state): the value and the count of the whole batch, gradient and state of the rows here."""
        rank, size = processes.get_rank(), processes.get_world_size()
        mine, counted = rows_of(batch, rank, size)
        total, count, state = self.model.loss(mine, state)
        total, count = total * counted, int(count) * counted
        summed = torch.stack(
            [total.detach().double(), total.new_tensor(count, dtype=torch.float64)]
        )
        processes.all_reduce(summed)
        others = (summed[0] - total.detach().double()).to(total.dtype)
        return total + others, int(summed[1].item()), state


def rows_of(batch: Batch, rank: int, size: int) -> tuple[Batch, bool]:
    """(every `size`-th row from row `rank` on, True); (the first row, False) if no row is left for this process.

    A process without rows still takes part, with a gradient of zeros: the others wait for it."""
    counted = rank < len(batch)
    rows = slice(rank, None, size) if counted else slice(0, 1)
    parts = {"inputs": batch.inputs, "lengths": batch.lengths, "targets": batch.targets}
    parts["target_lengths"] = batch.target_lengths
    mine = {name: None if part is None else part[rows] for name, part in parts.items()}
    mine["inputs"] = mine["inputs"][:, : max(1, int(mine["lengths"].max()))]
    if mine["target_lengths"] is not None:
        mine["targets"] = mine["targets"][:, : max(1, int(mine["target_lengths"].max()))]
    if batch.spellings is not None:
        mine["spellings"] = batch.spellings.rows(rows, mine["inputs"].shape[1])
    return replace(batch, **mine), counted


@torch.no_grad()
def add_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Replace every gradient by the sum of it over all processes: dense ones in one message, sparse ones one by one."""
    dense = [
        parameter.grad
        for parameter in parameters
        if parameter.grad is not None and not parameter.grad.is_sparse
    ]
    for parameter in parameters:
        if parameter.grad is not None and parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()
            processes.all_reduce(parameter.grad)
    if not dense:
        return
    message = torch.cat([gradient.flatten() for gradient in dense])
    processes.all_reduce(message)
    pieces = message.split([gradient.numel() for gradient in dense])
    torch._foreach_copy_(
        dense, [piece.view_as(gradient) for piece, gradient in zip(pieces, dense, strict=True)]
    )
