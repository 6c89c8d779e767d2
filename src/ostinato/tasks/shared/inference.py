"""Batched inference: examples through a network in batches of similar length, on its device."""

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


BLOCK = 16  # rows to whose multiples batches are filled up, see `independent_rows`
SHORTEST = 16  # steps to which short rows are padded there
_independent: ContextVar[bool] = ContextVar("independent", default=False)


@contextmanager
def independent_rows() -> Iterator[None]:
    """Inside the `with` block a row's answer has the same bits whatever rows it is answered with.

    Products of few rows, and of rows left over from a whole block, are computed by other
    instructions than those of many, and sums over more steps, were they zeros, in another order. So
    every batch is filled up to a multiple of BLOCK rows (the bits are then the same, measured with
    AVX-512 for 1 to 64 rows), and all rows of a batch are padded to the same number of steps, a
    power of two that depends on each row alone. Whoever relies on it on another processor compares
    now and then, as the server does."""
    token = _independent.set(True)
    try:
        yield
    finally:
        _independent.reset(token)


def padded_length(example: Example) -> int:
    """The power of two to which an example is padded: of 5 steps 16, of 17 steps 32."""
    return max(SHORTEST, 1 << max(0, len(example.inputs) - 1).bit_length())


def fill_block(example: Example, rows: int) -> list[Example]:
    """Copies of an example, each repeated until it has its padded length: as many as a batch of
    `rows` lacks to a multiple of BLOCK."""
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
    """The positions of examples of equal padded length."""
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
    """An answer for every example, in order, computed in batches of similar length.

    Args:
        network: Decides the device of the batches.
        examples: What to answer.
        answer: A batch -> the answers to its rows.
        empty: The answer to an example without inputs, which is in no batch.
        tokens: Maximum number of tokens of a batch, padding included.
        key: What to sort by; the length of the inputs where None.
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
