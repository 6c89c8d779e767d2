"""Batched inference: runs a network on batches of examples of similar length, on its device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from typing import Any, TypeVar

import torch
from torch import nn

from ostinato.data.batching.batch import Batch, Example, by_length, collate
from ostinato.data.batching.readings import repeat_readings

Answer = TypeVar("Answer")


def device_of(network: nn.Module) -> torch.device:
    """The device of a network's parameters; the CPU for a network without any."""
    return next(network.parameters(), torch.zeros(())).device


BLOCK = 16  # batches are filled up to a multiple of this, see `independent_rows`
SHORTEST = 16  # the shortest padded length there, in steps
_independent: ContextVar[bool] = ContextVar("independent", default=False)


@contextmanager
def independent_rows() -> Iterator[None]:
    """Inside the `with` block the results of a row have the same bits in any batch.

    Matrix products use other instructions for a few rows, and for the rows left over from a block,
    than for many rows; and sums over more steps, even of zeros, are added in another order. So
    every batch is filled up to a multiple of BLOCK rows, and padded to a power of two that each of
    its rows would get by itself. That the bits are then equal was measured with AVX-512 for 1 to 64
    rows. On other processors, compare a sample of results, as the server does.
    """
    token = _independent.set(True)
    try:
        yield
    finally:
        _independent.reset(token)


def padded_length(example: Example) -> int:
    """The power of two to which an example is padded: of 5 steps 16, of 17 steps 32."""
    return max(SHORTEST, 1 << max(0, len(example.inputs) - 1).bit_length())


def fill_block(example: Example, rows: int) -> list[Example]:
    """Copies of an example that fill a batch of `rows` rows up to a multiple of BLOCK.

    Each copy repeats the example's steps up to its padded length.
    """
    length = padded_length(example)
    times = -(-length // len(example.inputs))
    inputs = torch.cat([example.inputs] * times)[:length]
    spellings = None
    if example.spellings is not None:
        spellings = (list(example.spellings) * times)[:length]
    readings = repeat_readings(example.readings, times, length)
    targets = example.targets
    if targets is not None and targets.dim():
        targets = torch.cat([targets] * times)[:length]
    return [Example(inputs, targets, spellings, readings)] * (-rows % BLOCK)


def split_by_padding(examples: Sequence[Example]) -> Iterator[list[int]]:
    """Groups the indices of examples of equal padded length."""
    groups: dict[int, list[int]] = {}
    for row, example in enumerate(examples):
        if len(example.inputs):
            groups.setdefault(padded_length(example), []).append(row)
    yield from groups.values()


@torch.inference_mode()
def answer_in_batches(
    network: nn.Module,
    examples: Sequence[Example],
    answer: Callable[[Batch], Iterable[Answer]],
    *,
    empty: Answer,
    tokens: int = 4096,
    key: Callable[[Example], Any] | None = None,
    with_targets: bool = False,
) -> list[Answer]:
    """Applies `answer` to batches of examples of similar length; the results keep the order.

    Args:
        network: The network, on the device of the batches.
        examples: The examples.
        answer: A batch -> the results for its rows.
        empty: The result for an example without inputs, which is in no batch.
        tokens: Maximum number of tokens of a batch, padding included.
        key: The sort key of an example; None for the length of its inputs.
        with_targets: Whether the batches keep the examples' targets.
    """
    answers = [empty] * len(examples)
    device = device_of(network)
    independent = _independent.get()
    groups = split_by_padding(examples) if independent else [range(len(examples))]
    for group in groups:
        within = [examples[row] for row in group]
        for places in by_length(within, tokens=tokens, key=key):
            chosen = [within[place] for place in places]
            if not with_targets:
                chosen = [example._replace(targets=None) for example in chosen]
            if independent:
                chosen += fill_block(chosen[0], len(chosen))
            found = islice(answer(collate(chosen).to(device)), len(places))
            for place, each in zip(places, found, strict=True):
                answers[group[place]] = each
    return answers
