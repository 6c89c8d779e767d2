"""Gradient descent whose weights are averaged once it stops getting better: NT-ASGD.

    optimizer = AveragedSGD(parameters, lr=30)
    if stalled(scores, patience=5):
        optimizer.begin()                    # from the next step on, the mean of the weights is kept
    with averaged(optimizer):                # what is inside sees the mean, if there is one
        score = evaluate(model)

Source: Merity, Keskar and Socher, Regularizing and optimizing LSTM language models, 2018, algorithm 1; Polyak and Juditsky 1992."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch


class AveragedSGD(torch.optim.SGD):
    """SGD that keeps the mean of its weights from begin() on; the state of each parameter says how many steps are in it."""

    @property
    def averaging(self) -> bool:
        return any("average" in state for state in self.state.values())

    @torch.no_grad()
    def begin(self) -> None:
        """The mean begins with the weights as they are; a second call changes nothing."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if "average" not in self.state[parameter]:
                    self.state[parameter].update(average=parameter.detach().clone(), averaged=1)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        super().step(closure)
        for parameter, state in self.state.items():
            if "average" in state:
                state["averaged"] += 1
                state["average"].lerp_(parameter, 1 / state["averaged"])


@contextmanager
def averaged(optimizer: torch.optim.Optimizer | None) -> Iterator[None]:
    """Inside, the parameters are their means, if the optimizer keeps any; afterwards what they were, to the bit."""
    swapped = isinstance(optimizer, AveragedSGD) and optimizer.averaging
    if swapped:
        swap(optimizer)
    try:
        yield
    finally:
        if swapped:
            swap(optimizer)


@torch.no_grad()
def swap(optimizer: AveragedSGD) -> None:
    for parameter, state in optimizer.state.items():
        if "average" in state:
            current = parameter.clone()
            parameter.copy_(state["average"])
            state["average"].copy_(current)


def stalled(scores: Sequence[float], patience: int) -> bool:
    """stalled([5, 1, 2, 3], patience=2) -> True: the last score is below the best of those more than `patience` before it."""
    before = list(scores[:-1])
    return len(before) > patience and scores[-1] < max(before[: len(before) - patience])
