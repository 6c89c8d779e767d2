"""Averaged gradient descent with a non-monotone trigger: NT-ASGD.

    optimizer = AveragedSGD(parameters, lr=30)
    if has_stalled(scores, patience=5):
        optimizer.start_averaging()          # from the next step on, their mean is kept
    with averaged_weights(optimizer):        # inside, the parameters are that mean, if there is one
        score = evaluate(model)

Sources: Merity, Keskar and Socher, Regularizing and optimizing LSTM language models, 2018,
algorithm 1; Polyak and Juditsky 1992."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch


class AveragedSGD(torch.optim.SGD):
    """SGD that keeps the mean of its weights once `start_averaging()` was called.

    The state of each parameter holds the mean and how many steps are in it."""

    @property
    def is_averaging(self) -> bool:
        return any("average" in state for state in self.state.values())

    @torch.no_grad()
    def start_averaging(self) -> None:
        """The mean begins with the weights as they are; a second call changes nothing."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if "average" not in self.state[parameter]:
                    self.state[parameter].update(average=parameter.detach().clone(), averaged=1)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no loss is returned
        super().step(closure)
        for parameter, state in self.state.items():
            if "average" in state:
                state["averaged"] += 1
                state["average"].lerp_(parameter, 1 / state["averaged"])


@contextmanager
def averaged_weights(optimizer: torch.optim.Optimizer | None) -> Iterator[None]:
    """Inside, the parameters are their means, if the optimizer keeps any; afterwards they are what
    they were, bit for bit."""
    if not (isinstance(optimizer, AveragedSGD) and optimizer.is_averaging):
        yield
        return
    _swap(optimizer)
    try:
        yield
    finally:
        _swap(optimizer)


@torch.no_grad()
def _swap(optimizer: AveragedSGD) -> None:
    """Exchanges the parameters and their means."""
    for parameter, state in optimizer.state.items():
        if "average" in state:
            current = parameter.clone()
            parameter.copy_(state["average"])
            state["average"].copy_(current)


def has_stalled(scores: Sequence[float], patience: int) -> bool:
    """Whether the last score is below the best of those more than `patience` evaluations before it.

    has_stalled([5, 1, 2, 3], patience=2) -> True"""
    before = list(scores[:-1])
    return len(before) > patience and scores[-1] < max(before[: len(before) - patience])
