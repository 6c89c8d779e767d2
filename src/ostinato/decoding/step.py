"""What every decoder sees of a model: one function from tokens and state to logits and state."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from ostinato.cells.state import State

# (tokens [N] int64, state of N rows) -> (logits [N, V], state of N rows)
StepFunction = Callable[[Tensor, State], tuple[Tensor, State]]


class Hypothesis(NamedTuple):
    """One decoded sequence: its tokens without <bos> and <eos>, the sum of their log-probabilities (and of
    <eos>'s, if it was reached), whether <eos> ended it, and what was watched at each step (attention, say: [U, S])."""

    tokens: list[int]
    log_probability: float
    finished: bool
    watched: Tensor | None = None
