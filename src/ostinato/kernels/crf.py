"""A linear-chain conditional random field in one call forward and one backward; `layers.crf` has the formulas."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ostinato.kernels import availability, bindings
from ostinato.kernels.bindings import _native

Potentials = tuple[Tensor, Tensor, Tensor]  # start [K], transitions [K, K], end [K]


def usable(emissions: Tensor, lengths: Tensor, potentials: Potentials) -> bool:
    """Whether the compiled part takes these: float32, and of the shapes that the formulas have."""
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
    """log p(labels | emissions) [B]. IndexError where a label is none."""
    return Crf.apply(emissions, lengths.contiguous(), labels.contiguous(), *potentials)


def log_partition(emissions: Tensor, lengths: Tensor, potentials: Potentials) -> Tensor:
    """log Z [B]"""
    return Crf.apply(emissions, lengths.contiguous(), None, *potentials)


class Crf(torch.autograd.Function):
    @staticmethod
    def forward(context, emissions, lengths, labels, *potentials):
        emissions, *potentials = (part.contiguous() for part in (emissions, *potentials))
        before = here = None
        if any(context.needs_input_grad):
            before, here = torch.empty(2, *emissions.shape, dtype=torch.float64).unbind()
        results = emissions.new_empty(len(emissions))
        call = (emissions, lengths, labels, *potentials, before, here, results)
        if not run(_native.crf_forward, call):
            raise IndexError(f"labels must lie in 0..{emissions.shape[2] - 1}")
        context.save_for_backward(*(part for part in call if part is not None))
        context.given = [part is not None for part in call]
        return results

    @staticmethod
    @once_differentiable
    def backward(context, gradient):
        saved = iter(context.saved_tensors)
        call = [next(saved) if given else None for given in context.given]
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


def run(function, call: Sequence[Tensor | None], **more: Tensor) -> bool:
    """Fills `Crf` of native/auxiliary_call.h. `call` is what both passes read, as `Crf.forward` makes it."""
    names = ("emissions", "lengths", "targets", "start", "transitions", "end", "before", "here")
    rows, steps, labels = call[0].shape
    return bindings.run(
        function,
        "Crf",
        threads=torch.get_num_threads(),
        rows=rows,
        steps=steps,
        labels=labels,
        **dict(zip((*names, "results"), call, strict=True)),
        **more,
    )
