"""Dropout that keeps no mask: the backward pass draws the same units again."""

from __future__ import annotations

import torch
from torch import Tensor

from ostinato.kernels import availability, bindings
from ostinato.kernels.bindings import _native


def usable(x: Tensor) -> bool:
    return availability.usable(x)


def drop_units(x: Tensor, rate: float) -> Tensor:
    """x with units at zero with probability `rate`, the rest scaled up; one number from torch's generator decides which."""
    return Dropped.apply(x, rate, torch.randint(-(2**63), 2**63 - 1, ()).item())


class Dropped(torch.autograd.Function):
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
        return Dropped.apply(gradient, context.rate, context.seed), None, None
