"""Batched inference: examples through a network in batches of similar length, on its device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

from ostinato.data.batching.batch import Batch, Example, by_length, collate


def device_of(network: nn.Module) -> torch.device:
    """The device of a network's parameters; the CPU for a network without any."""
    return next(network.parameters(), torch.zeros(())).device


@torch.inference_mode()
def in_batches(
    network: nn.Module,
    examples: Sequence[Example],
    *,
    tokens: int = 4096,
    key: Callable[[Example], Any] | None = None,
    with_targets: bool = False,
) -> Iterator[tuple[list[int], Batch]]:
    """Batches of similar length, each with the rows of its examples.

    Answers are put back in order by these rows. Examples without inputs are in no batch.

    Args:
        network: Decides the device of the batches.
        examples: What to answer.
        tokens: Maximum number of tokens of a batch, padding included.
        key: What to sort by; the length of the inputs where None.
        with_targets: Whether the batches keep the examples' targets.

    Yields:
        (rows, batch): row `rows[i]` of `examples` is row i of the batch.
    """
    device = device_of(network)
    for rows in by_length(examples, tokens=tokens, key=key):
        chosen = [examples[row] for row in rows]
        if not with_targets:
            chosen = [example._replace(targets=None) for example in chosen]
        yield rows, collate(chosen).to(device)
