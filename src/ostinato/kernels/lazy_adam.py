"""Adam over the rows of a table that were read, and over each the steps that it has missed; see `training.lazy_adam`."""

from __future__ import annotations

import torch
from torch import Tensor

from ostinato.kernels import availability, bindings
from ostinato.kernels.bindings import _native


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
    beta1, beta2, epsilon = settings
    bindings.run(
        _native.lazy_adam,
        "LazyAdam",
        threads=torch.get_num_threads(),
        known=rows,
        count=rows if index is None else index.numel(),
        size=size,
        index=index,
        weight=weight,
        mean=table[1],
        square=table[2],
        stands=table[3],
        gradient=gradient,
        rates=rates,
        first=steps[0],
        now=steps[1],
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
    )
