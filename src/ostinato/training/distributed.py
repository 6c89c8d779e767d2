"""Data-parallel training: each process takes its rows of every batch, and gradients are summed.

    with process_group(rank, size, store):         # in each of the processes, all seeded alike
        model = DistributedModel(model)
        for progress in train(model, divide(batches, rank, size), optimizer, reduce=sum_gradients):
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
from ostinato.data.batching.batch import Batch, Share
from ostinato.errors import InputError
from ostinato.training.loop import EpochBatches

# a process that died or hangs is an error of the others, not an endless wait
TIMEOUT = timedelta(minutes=10)


class ProcessLost(InputError):
    """Another process of the group died, hangs, or is not there."""


@contextmanager
def losing_processes() -> Iterator[None]:
    """What torch raises inside when another process is gone becomes ProcessLost."""
    try:
        yield
    except InputError:
        raise
    except RuntimeError as error:  # torch.distributed's own errors are RuntimeErrors
        reason = str(error).strip().split("\n")[0]
        raise ProcessLost(f"another process of the run died or hangs: {reason:.300}") from error


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
    """A model whose `loss` runs on this process's rows of a batch, and counts those of all.

    A whole batch is divided here; one that is a process's share already (`divide`) is used as it
    is."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.rows = 0  # of the last batch, those of all processes

    def loss(self, batch: Batch, state: State = None) -> tuple[Tensor, int, State]:
        """(total, count, state): the value and the count of the whole batch, gradient and state of
        the rows of this process."""
        if batch.share is None:
            batch = share_batch(batch, processes.get_rank(), processes.get_world_size())
        counts = batch.share is None or batch.share.counts
        self.rows = batch.sequences
        # to nn.Module's stub, any attribute may be a tensor
        compute_loss = cast(Callable[..., tuple[Tensor, int, State]], self.model.loss)
        total, count, state = compute_loss(batch, state)
        total, count = total * counts, int(count) * counts
        summed = torch.stack(
            [total.detach().double(), total.new_tensor(count, dtype=torch.float64)]
        )
        with losing_processes():
            processes.all_reduce(summed)
        others = (summed[0] - total.detach().double()).to(total.dtype)
        return total + others, int(summed[1].item()), state


class DividedBatches:
    """The rows of one process of any epoch's batches, which are read whole and then divided."""

    def __init__(self, batches: EpochBatches, rank: int, size: int) -> None:
        self.batches, self.rank, self.size = batches, rank, size

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from number `start` on."""
        for batch in self.batches.epoch(number, start=start):
            yield share_batch(batch, self.rank, self.size)

    def __len__(self) -> int:
        return len(self.batches)


def divide(batches: EpochBatches, rank: int, size: int) -> EpochBatches:
    """The rows of process `rank` of `size` of all batches; where the batches can (`divide`), the
    rows of other processes are not even read."""
    if hasattr(batches, "divide"):
        return cast(EpochBatches, batches.divide(rank, size))
    return DividedBatches(batches, rank, size)


def share_batch(batch: Batch, rank: int, size: int) -> Batch:
    """`shard_batch` as one Batch, which knows of what it is a share."""
    shard, counts = shard_batch(batch, rank, size)
    return replace(shard, share=Share(len(batch), int(batch.lengths.sum()), counts))


def shard_batch(batch: Batch, rank: int, size: int) -> tuple[Batch, bool]:
    """The rows of a batch that belong to one process: every `size`-th one from row `rank` on.

    Returns:
        The rows and True; or the first row and False if none is left for this process, which still
        takes part, with a gradient of zeros: the others wait for it.
    """
    counts = rank < len(batch)
    rows = slice(rank, None, size) if counts else slice(0, 1)
    lengths, inputs = batch.lengths[rows], batch.inputs[rows]
    if inputs.dim() > 1 and inputs.shape[1] == int(batch.lengths.max()):  # padded to its longest
        inputs = inputs[:, : max(1, int(lengths.max()))]
    targets = None if batch.targets is None else batch.targets[rows]
    target_lengths = None if batch.target_lengths is None else batch.target_lengths[rows]
    if targets is not None and target_lengths is not None:
        targets = targets[:, : max(1, int(target_lengths.max()))]
    spellings = None if batch.spellings is None else batch.spellings.rows(rows, inputs.shape[1])
    readings = tuple(each.rows(rows, inputs.shape[1]) for each in batch.readings)
    shard = replace(
        batch,
        inputs=inputs,
        lengths=lengths,
        targets=targets,
        target_lengths=target_lengths,
        spellings=spellings,
        readings=readings,
    )
    return shard, counts


@torch.no_grad()
def sum_gradients(parameters: Sequence[nn.Parameter], extra: Sequence[float] = ()) -> list[float]:
    """Replaces every gradient by its sum over all processes: dense gradients in one message, sparse
    ones one by one.

    A parameter that only some processes have used has a gradient of zeros on the others; one that
    none has used keeps no gradient.

    Args:
        parameters: the same ones, in the same order, in each process
        extra: numbers to be summed along

    Returns:
        The sums of `extra`.
    """
    if not parameters:
        return list(extra)
    device = parameters[0].device
    gradients = [parameter.grad for parameter in parameters]
    kinds = [
        [gradient is not None and not gradient.is_sparse for gradient in gradients],
        [gradient is not None and gradient.is_sparse for gradient in gradients],
    ]
    flat = [float(value) for row in (*kinds, extra) for value in row]
    message = torch.tensor(flat, dtype=torch.float64, device=device)
    with losing_processes():
        processes.all_reduce(message)
        found = message.tolist()
        number = len(parameters)
        dense = [p for p, used in zip(parameters, found[:number], strict=True) if used]
        used_sparse = found[number : 2 * number]
        sparse = [
            p
            for p, in_rows, whole in zip(parameters, used_sparse, found[:number], strict=True)
            if in_rows and not whole
        ]
        for parameter in sparse:
            _sum_sparse(parameter)
        _sum_dense(dense)
    return found[2 * number :]


def _sum_dense(parameters: Sequence[nn.Parameter]) -> None:
    if not parameters:
        return
    gradients = [
        torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.to_dense()
        for parameter in parameters
    ]
    message = torch.cat([gradient.flatten() for gradient in gradients])
    processes.all_reduce(message)
    pieces = message.split([gradient.numel() for gradient in gradients])
    for parameter, piece in zip(parameters, pieces, strict=True):
        parameter.grad = piece.view_as(parameter)


def _sum_sparse(parameter: nn.Parameter) -> None:
    gradient = parameter.grad
    if gradient is None:
        rows = torch.zeros(1, 0, dtype=torch.int64, device=parameter.device)
        gradient = torch.sparse_coo_tensor(
            rows, parameter.new_zeros(0, *parameter.shape[1:]), parameter.shape
        )
    if parameter.is_cuda:  # NCCL sums dense tensors only
        whole = gradient.to_dense()
        processes.all_reduce(whole)
        parameter.grad = whole.to_sparse(1)
        return
    gradient = gradient.coalesce()
    processes.all_reduce(gradient)
    parameter.grad = gradient
