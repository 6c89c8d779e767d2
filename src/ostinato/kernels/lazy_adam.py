"""Adam over the rows of a table that were read, and over each the steps that it has missed; see `layers.rows`."""

from __future__ import annotations

import struct

import torch
from torch import Tensor

from ostinato.kernels import availability, bindings
from ostinato.kernels.bindings import _native, address


def usable(weight: Tensor) -> bool:
    """Whether the compiled part can keep this table [V, D]."""
    return (
        availability.usable(weight)
        and weight.dim() == 2
        and weight.is_contiguous()
        and weight.numel() > 0
    )


def adam_rows(
    table: tuple[Tensor, Tensor, Tensor, Tensor],
    rates: Tensor,
    steps: tuple[int, int],
    settings: tuple[float, float, float],
    *,
    index: Tensor | None = None,
    gradient: Tensor | None = None,
) -> None:
    """Brings the rows `index` [N] (None: all) up to date, and with `gradient` [N, D] takes the last step with it.

    table     weight, mean of the gradients, mean of their squares [V, D], and the step up to which each row stands [V]
    rates     [.., 2]: for each step from the first on its rate, and what the root of the squares is multiplied by
    steps     which step the first of `rates` is, and which one is the last that has been taken or is taken now
    settings  beta 1, beta 2, epsilon"""
    weight = table[0]
    rows, size = weight.shape
    index, gradient = (None if part is None else part.contiguous() for part in (index, gradient))
    parts = [address(part) for part in (index, *table, gradient, rates)]
    count = rows if index is None else index.numel()
    settings = struct.unpack("3q", struct.pack("3d", *settings))
    _native.adam_rows(
        bindings.chosen, torch.get_num_threads(), rows, count, size, *parts, *steps, *settings
    )
