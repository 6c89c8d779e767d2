"""The training loop, as a generator: what people add to a run is ordinary code in their own `for`.

for progress in train(model, batches, optimizer, epochs=3, clip_norm=5.0):
    print(progress.step, progress.loss)
    if progress.step % 1000 == 0:
        total, count = evaluate_loss(model, dev_batches)
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from ostinato.cells.state import State, detach, map_state
from ostinato.data.batching.batch import Batch
from ostinato.errors import InputError
from ostinato.training.gradients import clip_gradients


class Shuffled(Protocol):
    """Batches that differ from epoch to epoch (data.batching.buckets.BucketedBatches): they must follow from the epoch's number alone,
    so that a resumed run meets the batches that it would have met. The length is that of the epoch last begun."""

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Batch]: ...

    def __len__(self) -> int: ...


class TrainingDiverged(InputError):
    """The loss or the gradient is no longer a number; the weights are those of the step before."""


class Position(NamedTuple):
    """Where a run stands: steps taken, whole epochs gone through, batches used of the current one."""

    step: int = 0
    epoch: int = 0
    batch: int = 0


BEGINNING = Position()


@dataclass(frozen=True)
class Progress:
    """What one step of the optimizer did. The gradients that it used (clipped) are still in the parameters.

    step           steps taken so far, this one included
    epoch          epochs gone through, with their fraction: 1.25
    loss           mean per token, over this step's batches
    tokens         how many tokens (targets) that was
    sequences      in how many rows
    gradient_norm  before clipping
    learning_rate  used for this step
    seconds        since the step before, without the time spent in the caller's own code
    position       where to `start` in order to go on after this step
    state          the recurrent state carried to the next batch, if batches continue
    inputs         how many steps of input that was, padding not counted
    """

    step: int
    epoch: float
    loss: float
    tokens: int
    sequences: int
    gradient_norm: float
    learning_rate: float
    seconds: float
    position: Position
    state: State = None
    inputs: int = 0


def train(
    model: nn.Module,
    batches: Sequence[Batch] | Shuffled,
    optimizer: torch.optim.Optimizer,
    *,
    epochs: float = 1.0,
    schedule: Callable[[int, float], float] | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    accumulate: int = 1,
    normalise: Literal["tokens", "sequences"] = "tokens",
    start: Position = BEGINNING,
    carried: Sequence[Tensor] = (),
    reduce: Callable[[Sequence[nn.Parameter]], None] | None = None,
) -> Iterator[Progress]:
    """Train `model` in place, yielding after each step of the optimizer.

    model       has `loss(batch, state) -> (total, count, state)`
    batches     the same ones for each epoch, or, as data.batching.buckets.BucketedBatches, shuffled anew
    epochs      where to stop; may be a fraction: 7.5
    schedule    (step about to be taken: 1, 2, ..., epochs gone through) -> learning rate
    accumulate  batches a step: the same step as from one batch that holds them all
    normalise   the summed loss is divided by the number of tokens, or of sequences (as Sutskever et al. 2014 do)
    start, carried  go on from a checkpoint: the `position`, and the tensors of the `state`, of its last step
    reduce      adds up the gradients of several processes (distributed.add_gradients)

    Raises TrainingDiverged, before the weights are touched, when the loss or the gradient is not finite."""
    step, epoch, first = start
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    device = parameters[0].device
    state: State = None
    while epoch < epochs:
        began = time.perf_counter()
        if carried and first:
            state, carried = _refill(model, batches, epoch, first, carried), ()
        size, remaining = _open(batches, epoch, first)
        if not size:
            raise InputError(
                f"epoch {epoch + 1} has no batches to train on; give more training data"
            )
        last = size if epochs - epoch >= 1 else math.ceil((epochs - epoch) * size - 1e-9)
        for used, group in _groups(
            itertools.islice(remaining, max(0, last - first)), first, accumulate
        ):
            if not model.training:
                model.train()
            if schedule is not None:
                _set_learning_rate(
                    optimizer, schedule(step + 1, epoch + (used - len(group)) / size)
                )
            optimizer.zero_grad(set_to_none=True)
            group = group if device.type == "cpu" else [batch.to(device) for batch in group]
            loss, tokens, sequences, divided_by, state = _backward(model, group, state, normalise)
            if reduce is not None:
                reduce(parameters)
            wanted = tokens if normalise == "tokens" else sequences
            scale = divided_by / max(1, wanted)
            norm = clip_gradients(parameters, scale=scale, norm=clip_norm, value=clip_value)
            learning_rate = float(optimizer.param_groups[0]["lr"])
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise _diverged(step + 1, loss, norm, learning_rate, clip_norm)
            optimizer.step()
            # torch's fused optimizers change weights without counting it; what kernels keep of the old ones must be seen to be stale
            torch.autograd.graph.increment_version(parameters)
            step += 1
            position = Position(step, epoch, used) if used < size else Position(step, epoch + 1, 0)
            seconds = time.perf_counter() - began
            inputs = sum(int(batch.lengths.sum()) for batch in group)
            yield Progress(
                step,
                epoch + used / size,
                loss,
                tokens,
                sequences,
                norm,
                learning_rate,
                seconds,
                position,
                state,
                inputs,
            )
            began = time.perf_counter()
        epoch, first = epoch + 1, 0


def evaluate_loss(model: nn.Module, batches: Iterable[Batch]) -> tuple[float, int]:
    """(sum of the losses, number of tokens) over `batches`, without dropout; the state is carried where they continue.

    total, count = evaluate_loss(model, dev)  ->  perplexity = exp(total / count)"""
    was_training = model.training
    device = next(model.parameters()).device
    total, count, state = 0.0, 0, None
    model.eval()
    try:
        with torch.no_grad():
            for batch in batches:
                loss, tokens, state = model.loss(
                    batch.to(device), state if batch.continues else None
                )
                total, count = total + loss.item(), count + int(tokens)
    finally:
        model.train(was_training)
    return total, count


def leaves(state: State) -> list[Tensor]:
    """leaves((h, (c, None))) -> [h, c]: the tensors of a state, in the order in which `_refill` puts them back."""
    found: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    map_state(note, state)
    return found


def _open(
    batches: Sequence[Batch] | Shuffled, epoch: int, first: int
) -> tuple[int, Iterator[Batch]]:
    """(how many batches the epoch has, those from number `first` on)."""
    if not hasattr(batches, "epoch"):
        return len(batches), itertools.islice(batches, first, None)
    remaining = batches.epoch(epoch, start=first)
    head = list(
        itertools.islice(remaining, 1)
    )  # the epoch is planned, and its length known, once it is begun
    return len(batches), itertools.chain(head, remaining)


def _groups(
    batches: Iterator[Batch], used: int, accumulate: int
) -> Iterator[tuple[int, list[Batch]]]:
    """(batches used after this group, the group): `accumulate` batches each, fewer at the end of the epoch."""
    while group := list(itertools.islice(batches, accumulate)):
        used += len(group)
        yield used, group


def _backward(
    model: nn.Module, group: list[Batch], state: State, normalise: str
) -> tuple[float, int, int, int, State]:
    """Accumulate the gradients of the group's batches: (loss a token, tokens, sequences, divided by, state).

    How many tokens there are is known only after the last batch, so each batch's loss is divided by the first one's
    number, and the caller puts that right while it clips: for a single batch there is nothing to put right."""
    totals, tokens, sequences, divided_by = [], 0, 0, 0
    for batch in group:
        total, count, state = model.loss(batch, detach(state) if batch.continues else None)
        divided_by = divided_by or max(1, int(count) if normalise == "tokens" else len(batch))
        (total / divided_by).backward()
        totals.append(total.detach())
        tokens, sequences = tokens + int(count), sequences + len(batch)
    loss = torch.stack(totals).sum().item() / max(1, tokens)
    return loss, tokens, sequences, divided_by, detach(state)


def _refill(
    model: nn.Module,
    batches: Sequence[Batch] | Shuffled,
    epoch: int,
    first: int,
    carried: Sequence[Tensor],
) -> State:
    """The state saved in a checkpoint, as the model knows it: its tensors put into the form that `loss` returns.

    The form is had from the batch before `first`, the one that the state came from."""
    batch = next(_open(batches, epoch, first - 1)[1])
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    with torch.no_grad(), torch.random.fork_rng():
        _, _, form = model.loss(batch.to(device), None)
    model.train(was_training)
    tensors = iter(carried)
    return map_state(lambda like: next(tensors).to(like.device, like.dtype), form)


def _set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _diverged(
    step: int, loss: float, norm: float, rate: float, clip_norm: float | None
) -> TrainingDiverged:
    clipping = (
        "--clip-norm 1" if clip_norm is None else f"a smaller --clip-norm (now {clip_norm:g})"
    )
    return TrainingDiverged(
        f"training diverged at step {step}: loss {loss:.3g}, gradient norm {norm:.3g}; the weights of step {step - 1} "
        f"are kept; try a lower --learning-rate (now {rate:g}) or {clipping}"
    )
