"""Output heads of classifiers: from features [..., P] to probabilities of C classes [..., C].

Softmax for one class out of several, sigmoid for any subset of labels, ordinal regression for
grades. Each has `probabilities(states)` and `losses(states, targets)`, the negative
log-likelihood of each target.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.models.loss import full_precision


class SoftmaxHead(nn.Module):
    """Exactly one of C classes: softmax regression.

    Args:
        size: Features P.
        classes: Classes C.
        weights: Weight of each class in the training loss [C]; default 1.
        label_smoothing: Share of the target probability spread over all classes during training
            (Szegedy et al. 2016, section 7).
    """

    weights: Tensor

    def __init__(
        self,
        size: int,
        classes: int,
        *,
        weights: Tensor | None = None,
        label_smoothing: float = 0.0,
    ):
        super().__init__()
        self.output = nn.Linear(size, classes)
        self.label_smoothing = label_smoothing
        self.register_buffer("weights", torch.ones(classes) if weights is None else weights)

    def losses(self, states: Tensor, targets: Tensor) -> Tensor:
        """Features [..., P] and class ids [N] -> losses [...]; N is the first of its dimensions."""
        logits = self.output(states)  # [..., C]
        wanted = targets.view(-1, *[1] * (logits.dim() - 2)).expand(logits.shape[:-1])  # [...]
        smoothing = self.label_smoothing if self.training else 0.0
        losses = functional.cross_entropy(
            logits.flatten(0, -2), wanted.flatten(), reduction="none", label_smoothing=smoothing
        )
        return losses.view(wanted.shape) * (self.weights[wanted] if self.training else 1.0)

    def probabilities(self, states: Tensor) -> Tensor:
        """Features [..., P] -> [..., C], which sum to 1."""
        return self.output(states).softmax(-1)


class SigmoidHead(nn.Module):
    """Any subset of C labels: C independent logistic regressions.

    Args:
        size: Features P.
        classes: Labels C.
        weights: Weight of each label in the training loss [C]; default 1.
    """

    weights: Tensor

    def __init__(self, size: int, classes: int, *, weights: Tensor | None = None):
        super().__init__()
        self.output = nn.Linear(size, classes)
        self.register_buffer("weights", torch.ones(classes) if weights is None else weights)

    def losses(self, states: Tensor, targets: Tensor) -> Tensor:
        """Features [..., P] and targets [N, C] of 0 and 1 -> summed losses [...]."""
        logits = self.output(states)  # [..., C]
        wanted = targets.view(len(targets), *[1] * (logits.dim() - 2), -1).expand_as(logits)
        return functional.binary_cross_entropy_with_logits(
            logits, wanted, self.weights if self.training else None, reduction="none"
        ).sum(-1)

    def probabilities(self, states: Tensor) -> Tensor:
        """Features [..., P] -> the probability of each label [..., C]."""
        return self.output(states).sigmoid()


class OrdinalHead(nn.Module):
    """One of C ordered grades (stars): the proportional-odds model (McCullagh 1980).

    P(grade <= k) = sigmoid(theta_k - w.h) with theta_1 < theta_2 < ...: one direction w and C - 1
    thresholds, so that confusing neighbouring grades costs less than confusing distant ones.

    Args:
        size: Features P.
        classes: Grades C.
        weights: Weight of each grade in the training loss [C]; default 1.
    """

    weights: Tensor

    def __init__(self, size: int, classes: int, *, weights: Tensor | None = None):
        super().__init__()
        self.output = nn.Linear(size, 1, bias=False)
        self.first = nn.Parameter(torch.tensor([-0.5 * (classes - 2)]))
        # softplus(0.54) = 1: at first the thresholds are one apart
        self.steps = nn.Parameter(torch.full((classes - 2,), 0.54))
        self.register_buffer("weights", torch.ones(classes) if weights is None else weights)

    def probabilities(self, states: Tensor) -> Tensor:
        """Features [..., P] -> [..., C], which sum to 1."""
        steps = functional.softplus(self.steps)  # positive, so that the thresholds increase
        thresholds = torch.cat([self.first, self.first + steps.cumsum(0)])  # [C - 1]
        at_most = (
            thresholds - full_precision(self.output(states))
        ).sigmoid()  # P(grade <= k), [..., C - 1]
        return functional.pad(at_most, (0, 1), value=1.0) - functional.pad(
            at_most, (1, 0), value=0.0
        )

    def losses(self, states: Tensor, targets: Tensor) -> Tensor:
        """Features [..., P] and grade ids [N] -> losses [...]; N is the first of its dimensions."""
        given = self.probabilities(states)  # [..., C]
        wanted = targets.view(-1, *[1] * (given.dim() - 2)).expand(given.shape[:-1])  # [...]
        taken = given.gather(-1, wanted.unsqueeze(-1)).squeeze(-1).clamp_min(1e-7)
        return -taken.log() * (self.weights[wanted] if self.training else 1.0)
