"""What a model's `loss` returns: sums, so that batches, chunks and processes add up."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from ostinato.cells.state import State


class Loss(NamedTuple):
    """total: the sum of the losses (a scalar with its graph); count: of how many tokens; state: to carry on from."""

    total: Tensor
    count: int
    state: State = None

    @property
    def mean(self) -> Tensor:
        return self.total / max(1, self.count)
