"""A linear-chain conditional random field: the forward and backward algorithms in C++.

`layers.crf` has the formulas; the best path is in PyTorch (`decoding/viterbi.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ostinato.kernels import availability, bindings
from ostinato.kernels.bindings import _native

Potentials = tuple[Tensor, Tensor, Tensor]  # start [K], transitions [K, K], end [K]


def usable(emissions: Tensor, lengths: Tensor, potentials: Potentials) -> bool:
    """Whether the compiled part takes emissions [B, T, K], lengths [B] and potentials of K."""
    if (
        not availability.usable(emissions, *potentials)
        or emissions.dim() != 3
        or 0 in emissions.shape
    ):
        return False
    rows, steps, labels = emissions.shape
    fits = [part.shape for part in potentials] == [(labels,), (labels, labels), (labels,)]
    if not fits or not (
        lengths.is_cpu and lengths.dtype == torch.int64 and lengths.shape == (rows,)
    ):
        return False
    shortest, longest = (int(bound) for bound in lengths.aminmax())
    return shortest >= 0 and longest <= steps


def log_likelihood(
    emissions: Tensor, lengths: Tensor, labels: Tensor, potentials: Potentials
) -> Tensor:
    """log p(labels | emissions) [B].

    Args:
        emissions: [B, T, K]
        lengths: [B], int64, from 0 to T
        labels: [B, T], int64; those beyond a length do not matter
        potentials: start [K], transitions [K, K], end [K]

    Raises:
        IndexError: a label is not one of 0..K-1.
    """
    return Crf.apply(emissions, lengths.contiguous(), labels.contiguous(), *potentials)


def log_partition(emissions: Tensor, lengths: Tensor, potentials: Potentials) -> Tensor:
    """log Z [B], the log of the sum over all sequences of labels; arguments as `log_likelihood`."""
    return Crf.apply(emissions, lengths.contiguous(), None, *potentials)


class Crf(torch.autograd.Function):
    @staticmethod
    def forward(context, emissions, lengths, labels, *potentials):
        emissions = emissions.contiguous()
        start, transitions, end = (part.contiguous() for part in potentials)
        before = here = None
        if any(context.needs_input_grad):
            before, here = torch.empty(2, *emissions.shape, dtype=torch.float64).unbind()
        results = emissions.new_empty(len(emissions))
        call = (emissions, lengths, labels, start, transitions, end, before, here, results)
        if not run(_native.crf_forward, call):
            raise IndexError(f"labels must lie in 0..{emissions.shape[2] - 1}")
        context.save_for_backward(*call)
        return results

    @staticmethod
    @once_differentiable
    def backward(context, gradient):
        call = context.saved_tensors
        emissions, size = call[0], call[0].shape[2]
        d_emissions = torch.zeros_like(emissions)
        sums = torch.zeros(torch.get_num_threads(), size * size + 2 * size, dtype=torch.float64)
        run(
            _native.crf_backward,
            call,
            gradient=gradient.contiguous(),
            d_emissions=d_emissions,
            sums=sums,
        )
        d_transitions, d_start, d_end = sums.sum(0).float().split([size * size, size, size])
        return d_emissions, None, None, d_start, d_transitions.view(size, size), d_end


NAMES = (
    "emissions",
    "lengths",
    "targets",
    "start",
    "transitions",
    "end",
    "before",
    "here",
    "results",
)


def run(function: Any, call: Sequence[Any], **more: Tensor) -> bool:
    """Fills `Crf` of native/auxiliary_call.h with what both passes read, in the order of NAMES."""
    rows, steps, labels = call[0].shape
    return bindings.run(
        function,
        "Crf",
        threads=torch.get_num_threads(),
        rows=rows,
        steps=steps,
        labels=labels,
        **dict(zip(NAMES, call, strict=True)),
        **more,
    )
