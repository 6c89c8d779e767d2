"""Dropout that stores no mask: the backward pass draws the same units again from the same seed."""

from __future__ import annotations

import torch
from torch import Tensor

from ostinato.kernels import availability, bindings
from ostinato.kernels.bindings import _native


def usable(x: Tensor) -> bool:
    return availability.usable(x)


def drop_units(x: Tensor, rate: float) -> Tensor:
    """x with units set to zero with probability `rate` and the rest scaled by 1 / (1 - rate).

    One number from torch's generator is the seed of all units' draws.

    Args:
        x: float32 on the CPU, of any shape
        rate: at least 0, below 1
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate must be at least 0 and below 1; got {rate}")
    return DropUnits.apply(x, rate, torch.randint(-(2**63), 2**63 - 1, ()).item())


class DropUnits(torch.autograd.Function):
    @staticmethod
    def forward(context, x, rate, seed):
        context.rate, context.seed = rate, seed
        x = x.contiguous()
        out = torch.empty_like(x)
        bindings.run(
            _native.dropout,
            "Dropout",
            threads=torch.get_num_threads(),
            count=x.numel(),
            seed=seed,
            limit=min(round(rate * 2**32), 2**32 - 1),
            scale=1 / (1 - rate),
            input=x,
            output=out,
        )
        return out

    @staticmethod
    def backward(context, gradient):
        return DropUnits.apply(gradient, context.rate, context.seed), None, None
