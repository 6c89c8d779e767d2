"""The step function of decoding: tokens and state -> logits and state."""

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
    """A StepFunction that can also take many steps in a row, each from the tokens drawn before.

    Attributes:
        together: the number of steps that a call may take without a noticeable delay.
    """

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
    ) -> tuple[np.ndarray | None, State]:
        """Draws K tokens for each of N rows.

        Args:
            tokens: [N] the last ones.
            state: of N rows.
            chances: [K, N] random numbers in [0, 1).
            temperature, top_k, top_p: as in `Sampler`.
            forbidden: tokens that are never drawn.

        Returns:
            Tokens [K, N], or None where the logits are NaN or infinite; and the state.
        """
        ...


class Hypothesis(NamedTuple):
    """One decoded sequence.

    Attributes:
        tokens: U of them, without <bos> and <eos>.
        log_probability: the sum over the tokens, and <eos> if it was reached.
        finished: whether <eos> ended it.
        watched: [U, ...] what was watched at each step, such as attention [U, S]; or None.
    """

    tokens: list[int]
    log_probability: float
    finished: bool
    watched: Tensor | None = None


class Expansion(NamedTuple):
    """One step of a search: the K best candidates of each of the n unfinished sentences.

    Attributes:
        sentences: [n] their indices.
        parents: [n, K] backpointers: the index of each one's parent among the n' * K' candidates of
            the step before.
        tokens: [n, K].
        log_probabilities: [n, K] float64; -inf where there is no such candidate.
        watched: [n * K, ...] what was watched while this token was chosen, or None.
    """

    sentences: Tensor
    parents: Tensor
    tokens: Tensor
    log_probabilities: Tensor
    watched: Tensor | None


def penalty(length: int | Tensor, strength: float) -> float | Tensor:
    """The divisor of a sum of log-probabilities, growing with the length: penalty(1, 0.6) -> 1"""
    return ((5 + length) / 6) ** strength
