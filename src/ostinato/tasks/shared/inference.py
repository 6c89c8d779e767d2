"""Batched inference: examples through a network in batches of similar length, on its device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import torch
from torch import nn

from ostinato.data.batching.batch import Batch, Example, by_length, collate

Answer = TypeVar("Answer")


def device_of(network: nn.Module) -> torch.device:
    """The device of a network's parameters; the CPU for a network without any."""
    return next(network.parameters(), torch.zeros(())).device


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
        found = answer(collate(chosen).to(device))
        for row, each in zip(rows, found, strict=True):
            answers[row] = each
    return answers
