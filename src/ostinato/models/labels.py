"""From what a network made of a sequence [..., P] to its label: one of several classes, any number of them, or a grade.

Each kind gives probabilities [..., C], and for targets the loss: -log of what it gave to the truth."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Classes(nn.Module):
    """Exactly one of C classes: softmax regression. Targets are numbers [N].

    weights         [C], how much an example of each class counts (default: 1)
    label_smoothing the share of probability spread over all classes while training (Szegedy et al. 2016, section 7)"""

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
        """[..., P] and targets [N] -> [...], where N is the first of its dimensions."""
        given = self.output(states)
        wanted = targets.view(-1, *[1] * (given.dim() - 2)).expand(given.shape[:-1])
        smoothing = self.label_smoothing if self.training else 0.0
        losses = functional.cross_entropy(
            given.flatten(0, -2), wanted.flatten(), reduction="none", label_smoothing=smoothing
        )
        return losses.view(wanted.shape) * (self.weights[wanted] if self.training else 1.0)

    def probabilities(self, states: Tensor) -> Tensor:
        return self.output(states).softmax(-1)


class ManyLabels(nn.Module):
    """Any number of C labels, each for itself: C logistic regressions. Targets [N, C] are 0 and 1."""

    def __init__(self, size: int, classes: int, *, weights: Tensor | None = None):
        super().__init__()
        self.output = nn.Linear(size, classes)
        self.register_buffer("weights", torch.ones(classes) if weights is None else weights)

    def losses(self, states: Tensor, targets: Tensor) -> Tensor:
        given = self.output(states)
        wanted = targets.view(len(targets), *[1] * (given.dim() - 2), -1).expand_as(given)
        return functional.binary_cross_entropy_with_logits(
            given, wanted, self.weights if self.training else None, reduction="none"
        ).sum(-1)

    def probabilities(self, states: Tensor) -> Tensor:
        return self.output(states).sigmoid()


class Grades(nn.Module):
    """One of C grades in order (stars): P(grade <= k) = sigmoid(theta_k - w.h), theta_1 < theta_2 < ... (McCullagh 1980).

    One direction w, C - 1 thresholds: a neighbouring grade is a smaller mistake than a far one."""

    def __init__(self, size: int, classes: int, *, weights: Tensor | None = None):
        super().__init__()
        self.output = nn.Linear(size, 1, bias=False)
        self.first = nn.Parameter(torch.tensor([-0.5 * (classes - 2)]))
        self.steps = nn.Parameter(
            torch.full((classes - 2,), 0.54)
        )  # softplus(0.54) = 1: thresholds one apart
        self.register_buffer("weights", torch.ones(classes) if weights is None else weights)

    def probabilities(self, states: Tensor) -> Tensor:
        thresholds = torch.cat([self.first, self.first + functional.softplus(self.steps).cumsum(0)])
        at_most = (thresholds - self.output(states)).sigmoid()
        return functional.pad(at_most, (0, 1), value=1.0) - functional.pad(
            at_most, (1, 0), value=0.0
        )

    def losses(self, states: Tensor, targets: Tensor) -> Tensor:
        given = self.probabilities(states)
        wanted = targets.view(-1, *[1] * (given.dim() - 2)).expand(given.shape[:-1])
        taken = given.gather(-1, wanted.unsqueeze(-1)).squeeze(-1).clamp_min(1e-7)
        return -taken.log() * (self.weights[wanted] if self.training else 1.0)
