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

Answer = TypeVar("Answer")


def device_of(network: nn.Module) -> torch.device:
    """The device of a network's parameters; the CPU for a network without any."""
    return next(network.parameters(), torch.zeros(())).device


# copies of a batch's longest row that go with it, see `independent_rows`
BALLAST = 16
_ballast: ContextVar[bool] = ContextVar("ballast", default=False)


@contextmanager
def independent_rows() -> Iterator[None]:
    """Inside the `with` block a row's answer has the same bits whatever rows it is answered with.

    Products of few rows are computed by other instructions than those of many, and add up in
    another order. With BALLAST more rows than there are, as long as the longest, no product of a
    batch has few rows, at any step: from some 4 (recurrent layers) to 15 (output layers) on, the
    bits are the same. Measured with AVX-512; whoever depends on it compares now and then."""
    token = _ballast.set(True)
    try:
        yield
    finally:
        _ballast.reset(token)


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
    for rows in by_length(examples, tokens=tokens, key=key):
        chosen = [examples[row] for row in rows]
        if not with_targets:
            chosen = [example._replace(targets=None) for example in chosen]
        if _ballast.get():
            chosen += [max(chosen, key=lambda example: len(example.inputs))] * BALLAST
        found = islice(answer(collate(chosen).to(device)), len(rows))
        for row, each in zip(rows, found, strict=True):
            answers[row] = each
    return answers
