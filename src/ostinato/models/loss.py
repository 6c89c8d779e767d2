"""What a model's `loss` returns: sums, so that batches, chunks and processes add up."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE


class Loss(NamedTuple):
    """total: the sum of the losses (a scalar with its graph); count: of how many tokens; state: to carry on from."""

    total: Tensor
    count: int
    state: State = None

    @property
    def mean(self) -> Tensor:
        return self.total / max(1, self.count)


@torch.no_grad()
def token_losses(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, *, rows: int = 1024
) -> Tensor:
    """-log p of every target: hidden [B, U, E], weight [V, E], targets [B, U] -> [B, U], zero where the target is -100.

    In pieces of `rows`, so that a vocabulary of 80,000 words never needs all its logits at once."""
    losses = hidden.new_zeros(targets.shape)
    real = targets != IGNORE
    pieces = [
        functional.cross_entropy(functional.linear(piece, weight, bias), wanted, reduction="none")
        for piece, wanted in zip(hidden[real].split(rows), targets[real].split(rows), strict=True)
    ]
    losses[real] = torch.cat(pieces) if pieces else losses[real]
    return losses
