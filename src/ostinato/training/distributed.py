"""Data-parallel training: each process takes its rows of every batch, and gradients are summed.

    with process_group(rank, size, store):         # in each of the processes, all seeded alike
        model = DistributedModel(model)
        for progress in train(model, batches, optimizer, reduce=sum_gradients):
            ...

The processes go through the same batches in the same order, so that N processes take the steps of
one process (up to rounding), and a run may be resumed with another number of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import torch
import torch.distributed as processes
from torch import Tensor, nn

from ostinato.cells.state import State
from ostinato.data.batching.batch import Batch

# a process that died or hangs is an error of the others, not an endless wait
TIMEOUT = timedelta(minutes=10)


@contextmanager
def process_group(
    rank: int, size: int, store: Path, *, timeout: timedelta = TIMEOUT
) -> Iterator[None]:
    """Process `rank` of `size` meets the others at the file `store`, which must be a new one."""
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


class DistributedModel(nn.Module):
    """A model whose `loss` runs on this process's rows of a batch, and counts those of all."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def loss(self, batch: Batch, state: State = None) -> tuple[Tensor, int, State]:
        """(total, count, state): the value and the count of the whole batch, gradient and state of
        the rows of this process."""
        rank, size = processes.get_rank(), processes.get_world_size()
        shard, counts = shard_batch(batch, rank, size)
        # to nn.Module's stub, any attribute may be a tensor
        compute_loss = cast(Callable[..., tuple[Tensor, int, State]], self.model.loss)
        total, count, state = compute_loss(shard, state)
        total, count = total * counts, int(count) * counts
        summed = torch.stack(
            [total.detach().double(), total.new_tensor(count, dtype=torch.float64)]
        )
        processes.all_reduce(summed)
        others = (summed[0] - total.detach().double()).to(total.dtype)
        return total + others, int(summed[1].item()), state


def shard_batch(batch: Batch, rank: int, size: int) -> tuple[Batch, bool]:
    """The rows of a batch that belong to one process: every `size`-th one from row `rank` on.

    Returns:
        The rows and True; or the first row and False if none is left for this process, which still
        takes part, with a gradient of zeros: the others wait for it.
    """
    counts = rank < len(batch)
    rows = slice(rank, None, size) if counts else slice(0, 1)
    lengths = batch.lengths[rows]
    inputs = batch.inputs[rows][:, : max(1, int(lengths.max()))]
    targets = None if batch.targets is None else batch.targets[rows]
    target_lengths = None if batch.target_lengths is None else batch.target_lengths[rows]
    if targets is not None and target_lengths is not None:
        targets = targets[:, : max(1, int(target_lengths.max()))]
    spellings = None if batch.spellings is None else batch.spellings.rows(rows, inputs.shape[1])
    shard = replace(
        batch,
        inputs=inputs,
        lengths=lengths,
        targets=targets,
        target_lengths=target_lengths,
        spellings=spellings,
    )
    return shard, counts


@torch.no_grad()
def sum_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Replaces every gradient by its sum over all processes: dense gradients in one message, sparse
    ones one by one."""
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
