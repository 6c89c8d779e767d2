"""Lazy Adam: over the rows of a table that were read, with the steps they missed.

The optimizer is `training.lazy_adam`.
"""

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
    """Takes the steps that some rows of a table have missed, and with a gradient the last one, too.

    Args:
        table: weight, mean of the gradients, mean of their squares [V, D], and the last step that
            each row has taken [V]. All four are changed in place
        rates: [.., 2], for each step from the first one on its rate, and the factor of the root of
            the squares
        steps: the step that the first of `rates` belongs to, and the last step
        settings: beta 1, beta 2, epsilon
        index: row ids [N]; None for all rows
        gradient: [N, D], of the last step; None if the rows have none

    Raises:
        ValueError: sizes that do not fit each other, or a row without rates for its missing steps.
    """
    weight = table[0]
    rows, size = weight.shape
    if index is not None:
        index = index.contiguous()
    if gradient is not None:
        gradient = gradient.contiguous()
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
        last_step=table[3],
        gradient=gradient,
        rates=rates,
        first=steps[0],
        now=steps[1],
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
    )
