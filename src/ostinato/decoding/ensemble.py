"""Several models as one: the mean of their probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ostinato.cells.state import State
from ostinato.decoding.inputs import log_probabilities
from ostinato.decoding.step import StepFunction


def ensemble(steps: Sequence[StepFunction]) -> StepFunction:
    """ensemble([one.step, other.step]) -> a step whose state is the tuple of theirs.

    log p = log(1/M sum_m p_m) over the M models."""
    steps = list(steps)
    if not steps:
        raise ValueError("an ensemble needs at least one step function; got none")

    def step(tokens: Tensor, state: State) -> tuple[Tensor, State]:
        answers = [one(tokens, part) for one, part in zip(steps, state, strict=True)]
        sizes = sorted({logits.shape[-1] for logits, _ in answers})
        if len(sizes) > 1:
            raise ValueError(
                f"the models of an ensemble must share one vocabulary; theirs have {sizes} tokens"
            )
        scores = torch.stack([log_probabilities(logits) for logits, _ in answers])
        return scores.logsumexp(0) - math.log(len(steps)), tuple(part for _, part in answers)

    return step
