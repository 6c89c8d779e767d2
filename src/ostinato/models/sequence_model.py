"""What training and decoding expect of a model: two protocols."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from ostinato.cells.state import State
from ostinato.data.batching.batch import Batch
from ostinato.models.loss import Loss


class SequenceModel(Protocol):
    """A model that can be trained: it maps a batch to a loss."""

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The summed loss of a batch.

        Args:
            batch: Inputs and targets, padded, batch first.
            state: The recurrent state left by the previous chunk of the same streams (truncated
                BPTT); None at the beginning. Models without carried state ignore it.

        Returns:
            Sums over the batch, so that losses of batches, chunks and processes add up.
        """
        ...


class GenerativeModel(SequenceModel, Protocol):
    """A model that generates one token at a time, as `decoding` needs it.

    N rows, V vocabulary. The `step` method is a `decoding.step.StepFunction`.
    """

    def initial_state(self, given: Any, /) -> State:
        """The state before the first token.

        Args:
            given: What generation is conditioned on: a `Batch` of sources for an encoder-decoder,
                the number of rows for a language model.
        """
        ...

    def step(self, tokens: Tensor, state: State, /) -> tuple[Tensor, State]:
        """tokens [N] -> logits [N, V] of the next token, and the new state."""
        ...
