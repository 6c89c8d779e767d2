"""Dropout, anew at each step or the same throughout a sequence."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def dropout(x: Tensor, rate: float, *, training: bool, locked: bool = False) -> Tensor:
    """x [B, T, D] with units at zero with probability `rate`, the rest scaled up.

    `locked`: a row's units are the same at each of its steps. Source: Gal and Ghahramani, A theoretically grounded
    application of dropout in recurrent neural networks, 2016."""
    if not training or not rate:
        return x
    if not locked:
        return functional.dropout(x, rate)
    return x * functional.dropout(x.new_ones(x.shape[0], 1, x.shape[2]), rate)
