"""Linear-chain conditional random field: the probability of label sequences, with transitions.

    log p(y | x) = start[y_1] + sum_t emissions[t, y_t] + sum_t transitions[y_t-1, y_t] + end[y_T]
                   - log Z(x)

Lafferty, McCallum and Pereira 2001; over a recurrent network: Huang, Xu and Yu 2015, Lample et al.
2016 (section 2.2). B sequences, T steps, K labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ostinato.kernels import crf
from ostinato.padding import padding_mask

# the score of what is not allowed; finite, so that labels that break a rule still have a gradient
FORBIDDEN = -1e4
SMALLEST = 1e-300  # added to every probability, so that its logarithm exists

Mask = Sequence[Sequence[bool]] | Sequence[bool]


class Potentials(NamedTuple):
    """The scores that do not depend on the input.

    Attributes:
        start: Of each first label [K].
        transitions: Of label j after label i [K, K].
        end: Of each last label [K].
    """

    start: Tensor
    transitions: Tensor
    end: Tensor


class CRF(nn.Module):
    """CRF(K)(emissions [B, T, K], lengths [B], labels [B, T]) -> log p(labels | emissions) [B]

    Args:
        labels: K.
        start: True where a label may begin a sequence [K]; all may unless given.
        transitions: True where label j may follow label i [K, K]; likewise.
        end: True where a label may end a sequence [K]; likewise.

    Raises:
        ValueError: Masks or labels of another shape.
    """

    def __init__(
        self,
        labels: int,
        *,
        start: Mask | None = None,
        transitions: Mask | None = None,
        end: Mask | None = None,
    ):
        super().__init__()
        masks = {
            "start": (start, (labels,)),
            "transitions": (transitions, (labels, labels)),
            "end": (end, (labels,)),
        }
        for name, (given, shape) in masks.items():
            mask = (
                torch.ones(shape, dtype=torch.bool)
                if given is None
                else torch.as_tensor(given, dtype=torch.bool)
            )
            if mask.shape != shape:
                raise ValueError(
                    f"{name} must be a mask of shape {list(shape)}; got {list(mask.shape)}"
                )
            self.register_buffer(f"may_{name}", mask, persistent=False)
        self.start = nn.Parameter(torch.zeros(labels))
        self.transitions = nn.Parameter(torch.empty(labels, labels).uniform_(-0.1, 0.1))
        self.end = nn.Parameter(torch.zeros(labels))

    def potentials(self, forbidden: float = FORBIDDEN) -> Potentials:
        """The learned scores, with `forbidden` where a mask is False."""
        return Potentials(
            *(
                getattr(self, name).masked_fill(~getattr(self, f"may_{name}"), forbidden)
                for name in Potentials._fields
            )
        )

    def forward(self, emissions: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        """log p(labels | emissions) of each sequence, 0 for one of length 0.

        Args:
            emissions: [B, T, K].
            lengths: [B].
            labels: Label ids [B, T]; those in the padding do not matter.

        Returns:
            [B]
        """
        potentials = self.potentials()
        if (
            labels.shape == emissions.shape[:2]
            and labels.dtype == torch.int64
            and crf.usable(emissions, lengths, potentials)
        ):
            return crf.log_likelihood(emissions, lengths, labels, potentials)
        return path_scores(emissions, lengths, labels, potentials) - log_partition(
            emissions, lengths, potentials
        )

    def marginals(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """p(y_t = k | x) [B, T, K] of emissions [B, T, K]; zero beyond each length."""
        return marginals(emissions, lengths, self.potentials())


def marginals(emissions: Tensor, lengths: Tensor, potentials: Potentials) -> Tensor:
    """p(y_t = k | x) [B, T, K] of emissions [B, T, K]; zero beyond each length."""
    # the gradient of log Z is the expectation; clones may have one also where inference began
    with torch.inference_mode(False), torch.enable_grad():
        emissions = emissions.detach().clone().requires_grad_()
        fixed = Potentials(*(part.detach().clone() for part in potentials))
        total = log_partition(emissions, lengths.clone(), fixed).sum()
        return torch.autograd.grad(total, emissions)[0]


def path_scores(
    emissions: Tensor, lengths: Tensor, labels: Tensor, potentials: Potentials
) -> Tensor:
    """The unnormalised scores [B] of label sequences [B, T]; padding does not matter."""
    start, transitions, end = potentials
    if labels.shape != emissions.shape[:2]:
        raise ValueError(
            f"labels must be {list(emissions.shape[:2])}, as emissions are; got "
            f"{list(labels.shape)}"
        )
    rows, steps, size = emissions.shape
    if not rows or not steps:
        return emissions.new_zeros(rows)
    inside = padding_mask(lengths, steps, emissions.device)
    labels = labels.masked_fill(~inside, 0)
    total = torch.where(inside, emissions.gather(2, labels.unsqueeze(2)).squeeze(2), 0).sum(1)
    pairs = labels[:, :-1] * size + labels[:, 1:]
    total = total + torch.where(inside[:, 1:], transitions.flatten()[pairs], 0).sum(1)
    last = labels.gather(1, (lengths.to(labels.device) - 1).clamp(min=0).unsqueeze(1)).squeeze(1)
    return total + torch.where(inside[:, 0], start[labels[:, 0]] + end[last], 0)


def log_partition(emissions: Tensor, lengths: Tensor, potentials: Potentials) -> Tensor:
    """log Z [B]: the log of the sum of exp(score) over all label sequences of a row's length."""
    if not emissions.shape[0] or not emissions.shape[1]:
        return emissions.new_zeros(emissions.shape[0])
    if crf.usable(emissions, lengths, potentials):
        return crf.log_partition(emissions, lengths, potentials)
    return LogPartition.apply(emissions, lengths, *potentials)


class LogPartition(torch.autograd.Function):
    """The forward algorithm, with expectations as its gradient (Rabiner 1989).

    In log space and double precision. A step over all pairs of labels is one matrix product of
    exponentials shifted by their maximum. Why not autograd through the steps: it would keep a
    tensor [B, K, K] for each of them.
    """

    @staticmethod
    def forward(
        context: Any,
        emissions: Tensor,
        lengths: Tensor,
        start: Tensor,
        transitions: Tensor,
        end: Tensor,
    ) -> Tensor:
        """Emissions [B, T, K], lengths [B] and the potentials -> log Z [B]."""
        rows, steps, labels = emissions.shape
        scores = emissions.double().transpose(0, 1)
        inside = padding_mask(lengths, steps, emissions.device).t().unsqueeze(2)
        last = (
            (lengths.to(emissions.device) - 1).clamp(min=0).view(1, rows, 1).expand(1, rows, labels)
        )
        highest = transitions.max().double()
        between = (transitions.double() - highest).exp()
        learning = any(context.needs_input_grad)
        lattices, tables, first = scores, between, start.double()
        if learning:  # paths from the first step on, and from the last one back: both in one go
            mirror = (last - torch.arange(steps, device=last.device).view(-1, 1, 1)).clamp(min=0)
            lattices = torch.stack([scores, scores.gather(0, mirror)], 1)
            tables, first = (
                torch.stack([between, between.t()]),
                torch.stack([start, end]).double().unsqueeze(1),
            )
        steps_sums = [first + lattices[0]]
        lattices = lattices + highest
        for step in range(1, steps):
            steps_sums.append(move(steps_sums[-1], tables) + lattices[step])
        sums = torch.stack(steps_sums)
        before = sums[:, 0] if learning else sums
        total = (before.gather(0, last)[0] + end.double()).logsumexp(1)
        if learning:
            context.save_for_backward(
                scores, inside, last, between, highest, before, sums[:, 1].gather(0, mirror), total
            )
        return torch.where(inside[0, :, 0], total, 0).to(emissions.dtype)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """The expected counts of labels and transitions, times the gradient [B].

        `before` and `after` [T, B, K] are the log sums over all paths up to, and from, each label
        at each step, both with its own emission.
        """
        scores, inside, last, between, highest, before, after, total = context.saved_tensors
        weight = (gradient.double() * inside[0, :, 0]).unsqueeze(1)
        log_total = total.unsqueeze(1)
        unary = torch.where(inside, (before + after - scores - log_total).exp() * weight, 0)
        if len(scores) == 1:
            pairs = torch.zeros_like(between)
        else:
            # expected counts of (i, j): sum_t exp(before_t-1[i] + transitions[i, j] + after_t[j]
            # - log Z)
            before, after = before[:-1], torch.where(inside[1:], after[1:], 0)
            high, higher = before.amax(2, keepdim=True), after.amax(2, keepdim=True)
            scale = torch.where(inside[1:], (high + higher + highest - log_total).exp() * weight, 0)
            left, right = (
                torch.where(inside[1:], (before - high).exp() * scale, 0),
                (after - higher).exp(),
            )
            pairs = left.flatten(0, 1).t() @ right.flatten(0, 1) * between
        dtype = gradient.dtype
        ends = unary.gather(0, last)[0].sum(0)
        return (
            unary.transpose(0, 1).to(dtype),
            None,
            unary[0].sum(0).to(dtype),
            pairs.to(dtype),
            ends.to(dtype),
        )


def move(values: Tensor, between: Tensor) -> Tensor:
    """log sum_i exp(values[..., b, i]) between[..., i, j], [..., B, K]"""
    high = values.amax(-1, keepdim=True)
    return ((values - high).exp() @ between + SMALLEST).log() + high
