"""The training loop, as a generator: what people add to a run is ordinary code in their own `for`.

for progress in train(model, batches, optimizer, epochs=3, clip_norm=5.0):
    print(progress.step, progress.loss)
    if progress.step % 1000 == 0:
        print(evaluate(model, dev))
"""

from __future__ import annotations

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from ostinato.cells.state import State, detach, map_state
from ostinato.data.batching.batch import Batch
from ostinato.errors import InputError, option_name
from ostinato.training import lazy_adam
from ostinato.training.gradients import clip_gradients

Normalisation = Literal["tokens", "sequences"]
Precision = Literal["float32", "bfloat16"]
ScheduleFunction = Callable[[int, float], float]


@runtime_checkable
class EpochBatches(Protocol):
    """Batches that differ from epoch to epoch, such as data.batching.buckets.BucketedBatches.

    They must follow from the epoch's number alone, so that a resumed run sees the same batches. The
    length is that of the epoch last begun."""

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, from number `start` on."""
        ...

    def __len__(self) -> int: ...


class TrainingDiverged(InputError):
    """The loss or the gradient is not finite; the weights are those of the step before."""


class Position(NamedTuple):
    """Where a run is: steps taken, epochs completed, batches used of the current epoch."""

    step: int = 0
    epoch: int = 0
    batch: int = 0


BEGINNING = Position()


@dataclass(frozen=True)
class Progress:
    """What one step of the optimizer did. Its gradients (clipped) are still in the parameters.

    Attributes:
        step: steps taken so far, this one included
        epoch: epochs completed, with their fraction: 1.25
        loss: mean per token, over this step's batches
        tokens: number of target tokens in the step
        sequences: number of sequences in the step
        gradient_norm: before clipping
        learning_rate: of this step
        seconds: since the step before, without the time spent in the caller's own code
        position: where to `start` in order to continue after this step
        state: recurrent state that is carried to the next batch, if batches continue
        inputs: number of input steps, without padding
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


class _StepSettings(NamedTuple):
    """How gradients become a step; see `train`."""

    clip_norm: float | None
    clip_value: float | None
    accumulate: int
    normalise: Normalisation
    precision: Precision
    reduce: Callable[[Sequence[nn.Parameter]], None] | None


class _Gradients(NamedTuple):
    """What the forward and backward passes over a step's batches gave."""

    loss: float  # mean per token
    tokens: int
    sequences: int
    divisor: int  # by which each batch's loss was divided
    state: State


class _Update(NamedTuple):
    """What one step of the optimizer did."""

    gradients: _Gradients
    gradient_norm: float
    learning_rate: float


def train(
    model: nn.Module,
    batches: Sequence[Batch] | EpochBatches,
    optimizer: torch.optim.Optimizer,
    *,
    epochs: float = 1.0,
    schedule: ScheduleFunction | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    accumulate: int = 1,
    normalise: Normalisation = "tokens",
    precision: Precision = "float32",
    start: Position = BEGINNING,
    carried_state: Sequence[Tensor] = (),
    reduce: Callable[[Sequence[nn.Parameter]], None] | None = None,
) -> Iterator[Progress]:
    """Trains `model` in place, yielding after each step of the optimizer.

    Args:
        model: has `loss(batch, state) -> (total, count, state)`
        batches: the same ones for each epoch, or EpochBatches, shuffled anew
        optimizer: over the model's parameters
        epochs: where to stop; may be a fraction: 7.5
        schedule: (number of the step to be taken: 1, 2, ..., epochs completed) -> learning rate
        clip_norm: maximum norm of the gradient
        clip_value: maximum size of a component of the gradient
        accumulate: batches per step: the same step as from one batch that holds them all
        normalise: the summed loss is divided by the number of tokens, or of sequences (as
            Sutskever et al. 2014 do)
        precision: of the factors of products in the model's `loss`, by torch.autocast; weights,
            gradients and the optimizer's numbers stay float32
        start: where to continue from a checkpoint: the `position` of its last step
        carried_state: `state_tensors` of the `state` of that step, for batches that continue
        reduce: sums the gradients of several processes (distributed.sum_gradients)

    Raises:
        TrainingDiverged: the loss or the gradient is not finite; the weights are not touched.
    """
    settings = _StepSettings(clip_norm, clip_value, accumulate, normalise, precision, reduce)
    try:
        yield from _train_epochs(
            model, batches, optimizer, epochs, schedule, settings, start, carried_state
        )
    finally:
        lazy_adam.synchronise(optimizer)


def _train_epochs(
    model: nn.Module,
    batches: Sequence[Batch] | EpochBatches,
    optimizer: torch.optim.Optimizer,
    epochs: float,
    schedule: ScheduleFunction | None,
    settings: _StepSettings,
    start: Position,
    carried_state: Sequence[Tensor],
) -> Iterator[Progress]:
    """The loop of `train`."""
    step, epoch, first = start
    state: State = None
    while epoch < epochs:
        began = time.perf_counter()
        if carried_state and first:
            with _autocast(model, settings.precision):  # states have the dtype of training's
                state = _restore_state(model, batches, epoch, first, carried_state)
            carried_state = ()
        size, remaining = _open_epoch(batches, epoch, first)
        if not size:
            raise InputError(
                f"epoch {epoch + 1} has no batches to train on; give more training data"
            )
        last = size if epochs - epoch >= 1 else math.ceil((epochs - epoch) * size - 1e-9)
        batches_left = itertools.islice(remaining, max(0, last - first))
        for used, group in _group_batches(batches_left, first, settings.accumulate):
            if schedule is not None:
                done = epoch + (used - len(group)) / size
                _set_learning_rate(optimizer, schedule(step + 1, done), done)
            step += 1
            update = _take_step(model, optimizer, group, state, step, settings)
            state = update.gradients.state
            yield Progress(
                step,
                epoch + used / size,
                update.gradients.loss,
                update.gradients.tokens,
                update.gradients.sequences,
                update.gradient_norm,
                update.learning_rate,
                time.perf_counter() - began,
                Position(step, epoch, used) if used < size else Position(step, epoch + 1, 0),
                state,
                sum(batch.steps for batch in group),
            )
            began = time.perf_counter()
        epoch, first = epoch + 1, 0


def _take_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    group: list[Batch],
    state: State,
    step: int,
    settings: _StepSettings,
) -> _Update:
    """Forward and backward over the group's batches, clipping, and one step of the optimizer."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    device = parameters[0].device
    if not model.training:
        model.train()
    optimizer.zero_grad(set_to_none=True)
    group = group if device.type == "cpu" else [batch.to(device) for batch in group]
    gradients = _compute_gradients(model, group, state, settings.normalise, settings.precision)
    if settings.reduce is not None:
        settings.reduce(parameters)
    wanted = gradients.tokens if settings.normalise == "tokens" else gradients.sequences
    norm = clip_gradients(
        parameters,
        scale=gradients.divisor / max(1, wanted),
        norm=settings.clip_norm,
        value=settings.clip_value,
    )
    learning_rate = max(float(group["lr"]) for group in optimizer.param_groups)
    if not (math.isfinite(gradients.loss) and math.isfinite(norm)):
        raise _describe_divergence(step, gradients.loss, norm, learning_rate, settings.clip_norm)
    optimizer.step()
    # torch's fused optimizers change weights without counting it; kernels that keep packed weights
    # must see that theirs are stale
    torch.autograd.graph.increment_version(parameters)
    return _Update(gradients, norm, learning_rate)


def state_tensors(state: State) -> list[Tensor]:
    """The tensors of a state, in the order in which `_restore_state` puts them back.

    state_tensors((h, (c, None))) -> [h, c]"""
    found: list[Tensor] = []

    def collect(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    map_state(collect, state)
    return found


def _open_epoch(
    batches: Sequence[Batch] | EpochBatches, epoch: int, first: int
) -> tuple[int, Iterator[Batch]]:
    """(number of batches in the epoch, those from number `first` on)."""
    if not isinstance(batches, EpochBatches):
        return len(batches), itertools.islice(batches, first, None)
    remaining = batches.epoch(epoch, start=first)
    # the epoch is planned, and its length known, once its first batch is read
    head = list(itertools.islice(remaining, 1))
    return len(batches), itertools.chain(head, remaining)


def _group_batches(
    batches: Iterator[Batch], used: int, accumulate: int
) -> Iterator[tuple[int, list[Batch]]]:
    """(batches used after this group, the group): `accumulate` batches each, fewer at the end."""
    while group := list(itertools.islice(batches, accumulate)):
        used += len(group)
        yield used, group


def _loss_function(model: nn.Module) -> Callable[[Batch, State], tuple[Tensor, int, State]]:
    """The model's `loss`, typed: to nn.Module's stub, any attribute may be a tensor."""
    return cast("Callable[[Batch, State], tuple[Tensor, int, State]]", model.loss)


def _compute_gradients(
    model: nn.Module,
    group: list[Batch],
    state: State,
    normalise: Normalisation,
    precision: Precision,
) -> _Gradients:
    """Accumulates the gradients of the group's batches.

    The number of tokens is known only after the last batch, so each batch's loss is divided by the
    first one's number, and the caller corrects this while it clips: for a single batch there is
    nothing to correct."""
    compute_loss = _loss_function(model)
    totals: list[Tensor] = []
    tokens, sequences, divisor = 0, 0, 0
    for batch in group:
        with _autocast(model, precision):
            total, count, state = compute_loss(batch, detach(state) if batch.continues else None)
        divisor = divisor or max(1, int(count) if normalise == "tokens" else batch.sequences)
        (total / divisor).backward()
        totals.append(total.detach())
        tokens, sequences = tokens + int(count), sequences + batch.sequences
    loss = torch.stack(totals).sum().item() / max(1, tokens)
    return _Gradients(loss, tokens, sequences, divisor, detach(state))


def _autocast(model: nn.Module, precision: Precision) -> contextlib.AbstractContextManager:
    """Autocast to the precision on the model's device, or nothing for float32."""
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(next(model.parameters()).device.type, dtype=torch.bfloat16)


def _restore_state(
    model: nn.Module,
    batches: Sequence[Batch] | EpochBatches,
    epoch: int,
    first: int,
    tensors: Sequence[Tensor],
) -> State:
    """The state of a checkpoint in the structure that the model's `loss` returns.

    The structure comes from the batch before `first`, which the state was computed from."""
    batch = next(_open_epoch(batches, epoch, first - 1)[1])
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    with torch.no_grad(), torch.random.fork_rng():
        _, _, structure = _loss_function(model)(batch.to(device), None)
    model.train(was_training)
    remaining = iter(tensors)
    return map_state(lambda like: next(remaining).to(like.device, like.dtype), structure)


def _set_learning_rate(optimizer: torch.optim.Optimizer, rate: float, epoch: float) -> None:
    """Each group's rate; 0 while it is not yet trained (layer_rates)."""
    for group in optimizer.param_groups:
        trained = epoch >= group.get("trained_from", 0.0) - 1e-9
        group["lr"] = rate * group.get("rate_factor", 1.0) * trained


def _describe_divergence(
    step: int, loss: float, norm: float, rate: float, clip_norm: float | None
) -> TrainingDiverged:
    clipping = (
        f"{option_name('clip_norm')} 1"
        if clip_norm is None
        else f"a smaller {option_name('clip_norm')} (now {clip_norm:g})"
    )
    return TrainingDiverged(
        f"training diverged at step {step}: loss {loss:.3g}, gradient norm {norm:.3g}; the weights "
        f"of step {step - 1} are kept; try a lower {option_name('learning_rate')} (now "
        f"{rate:g}) or {clipping}"
    )
