"""What a model's `loss` returns: sums, so that batches, chunks and processes add up."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, Batch


class Loss(NamedTuple):
    """The summed loss of a batch.

    Attributes:
        total: The sum of the losses, a scalar with its graph.
        count: The number of terms in the sum (tokens, steps or sequences, depending on the model).
        state: The recurrent state after the batch, for truncated BPTT; None if none is carried.
    """

    total: Tensor
    count: int  # type: ignore[assignment]  # hides tuple.count
    state: State = None

    @property
    def mean(self) -> Tensor:
        """The loss per term."""
        return self.total / max(1, self.count)


def full_precision(scores: Tensor) -> Tensor:
    """Scores in float32 where autocast gave them in a narrower format: losses are not computed in
    8 binary digits.
    """
    return scores.float() if scores.dtype in (torch.bfloat16, torch.float16) else scores


def require_targets(batch: Batch) -> Tensor:
    """The targets of a batch. Raises ValueError if it has none, as when predicting."""
    if batch.targets is None:
        raise ValueError("the batch has no targets")
    return batch.targets


@torch.no_grad()
def token_losses(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, *, rows: int = 1024
) -> Tensor:
    """Cross-entropy of each target, without a graph and without all logits in memory at once.

    Args:
        hidden: Inputs of the output layer [B, U, E].
        weight: Its weight [V, E].
        bias: Its bias [V], or None.
        targets: Token ids [B, U], -100 where there is none.
        rows: How many positions are computed at a time; bounds the logits to [rows, V].

    Returns:
        -log p of each target [B, U], zero where the target is -100.
    """
    losses = hidden.new_zeros(targets.shape)
    mask = targets != IGNORE  # [B, U]
    pieces = [
        functional.cross_entropy(functional.linear(piece, weight, bias), wanted, reduction="none")
        for piece, wanted in zip(hidden[mask].split(rows), targets[mask].split(rows), strict=True)
    ]
    losses[mask] = torch.cat(pieces) if pieces else losses[mask]
    return losses
