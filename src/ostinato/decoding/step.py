"""What every decoder sees of a model: one function from tokens and state to logits and state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from ostinato.cells.state import State

# (tokens [N] int64, state of N rows) -> (logits [N, V], state of N rows)
StepFunction = Callable[[Tensor, State], tuple[Tensor, State]]


@runtime_checkable
class DrawingStep(Protocol):
    """A StepFunction that can also take many steps in a row, each from the tokens drawn in the one before.

    together   how many steps a call may take without keeping anybody waiting
    draw       (tokens [N], state, chances [K, N] in 0..1, temperature=, top_k=, top_p=, forbidden=) -> (tokens [K, N], state);
               None for the tokens where the logits are broken"""

    together: int

    def __call__(self, tokens: Tensor, state: State) -> tuple[Tensor, State]: ...

    def draw(
        self,
        tokens: Tensor,
        state: State,
        chances: np.ndarray,
        *,
        temperature: float,
        top_k: int,
        top_p: float,
        forbidden: Sequence[int],
    ) -> tuple[np.ndarray | None, State]: ...


class Hypothesis(NamedTuple):
    """One decoded sequence: its tokens without <bos> and <eos>, the sum of their log-probabilities (and of
    <eos>'s, if it was reached), whether <eos> ended it, and what was watched at each step (attention, say: [U, S])."""

    tokens: list[int]
    log_probability: float
    finished: bool
    watched: Tensor | None = None


class Expansion(NamedTuple):
    """One step of a search: the K candidates kept of each of the n sentences that are still searched, best first.

    sentences          [n] which sentences these are
    parents            [n, K] backpointers: the index of each one's parent among the n' * K' candidates
                       of the step before
    tokens             [n, K]
    log_probabilities  [n, K] float64; -inf: there is no such candidate
    watched            [n * K, ...] what was watched while this token was chosen, or None
    """

    sentences: Tensor
    parents: Tensor
    tokens: Tensor
    log_probabilities: Tensor
    watched: Tensor | None


def penalty(length: int | Tensor, strength: float) -> float | Tensor:
    """penalty(1, 0.6) -> 1.0; longer ones are divided by more, so that their many log-probabilities count less."""
    return ((5 + length) / 6) ** strength
