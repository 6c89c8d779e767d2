"""Embedding, recurrent layers and output layer as one step: for generating texts token by token.

Letters: N rows, K steps, V vocabulary, H hidden."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.cells.cell import Cell
from ostinato.cells.state import State, map_state
from ostinato.kernels.steps.streaming import addresses, check_format
from ostinato.kernels.steps.token_step import AT_ONCE, Sampling, plan_for
from ostinato.layers.embedding import Embedding
from ostinato.layers.recurrent import Recurrent

LEAST = 1e-30  # temperatures below this are 0


def cells_of(recurrent: Recurrent) -> list[Cell]:
    return [cell for cell in recurrent.cells if isinstance(cell, Cell)]


class TokenStep:
    """(tokens [N], state) -> (logits [N, V], state), or many steps with what is drawn from each.

        step = TokenStep(embedding, recurrent, [output])
        logits, state = step(tokens, recurrent.initial_state(2))
        drawn, state = step.draw(tokens, state, chances, temperature=0.8)  # tokens [K, N]

    The state that is returned is changed in place by the next call that is given it, and so are the
    logits: clone them to keep them. Any other state is copied. A row's results do not depend on the
    rows beside it. Dropout is off, as in evaluation. After weights have changed, make a new step:
    one for the same weights takes no time. It holds addresses: it cannot be copied or pickled.

    Args:
        dense: linear layers, one after the other, from the recurrent layers' output to the logits
        weights: float32, bfloat16 (half the memory to read) or int8 (a quarter: see
            `kernels.weights_as`)

    Raises:
        ValueError: there is none for such layers, which `TokenStep.usable` tells beforehand.
    """

    def __init__(
        self,
        embedding: Embedding,
        recurrent: Recurrent,
        dense: Sequence[nn.Linear],
        *,
        weights: str = "float32",
    ):
        check_format(weights)
        if not recurrent.has_plain_steps:
            raise ValueError("recurrent must be of one direction, without zoneout and layer norm")
        plan = plan_for(embedding, recurrent, cells_of(recurrent), dense, weights)
        if plan is None:
            raise ValueError(
                "a token step needs the compiled kernels, float32 parameters on the CPU whose "
                "sizes fit one another, as many embeddings as logits, and a cell that is an RNN "
                f"(tanh, relu), LSTM or GRU; got {type(recurrent.cells[0]).__name__}"
            )
        self.plan = plan
        self.residual, self.size = recurrent.residual, plan.vocabulary
        self._state: State = None
        self.sampling: Sampling | None = None

    def __reduce__(self):
        raise TypeError(
            "a TokenStep cannot be copied or pickled: make a new one of the same layers"
        )

    @property
    def state(self) -> State:
        """The state after the last step; None before the first one."""
        return self._state

    @staticmethod
    def usable(
        embedding: Embedding,
        recurrent: Recurrent,
        dense: Sequence[nn.Linear],
        *,
        weights: str = "float32",
    ) -> bool:
        """Whether there is one for such layers."""
        if not recurrent.has_plain_steps:
            return False
        return plan_for(embedding, recurrent, cells_of(recurrent), dense, weights) is not None

    @property
    def together(self) -> int:
        """How many steps of `draw` take no longer than a user should wait for the first of them."""
        if self._state is None:
            return 1
        return max(1, AT_ONCE // (len(self.tokens) * self.plan.multiplications))

    def __call__(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        self.begin(tokens, state, self.sampling or Sampling())
        self.plan.run(self.call, rows=len(self.tokens))
        return self.logits, self._state

    def draw(
        self,
        tokens: Tensor,
        state: State,
        chances: np.ndarray,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        forbidden: Sequence[int] = (),
    ) -> tuple[np.ndarray | None, State]:
        """K steps, each begun with the tokens drawn in the one before.

        Args:
            tokens: ids [N]
            state: of each layer
            chances: [K, N] in 0..1, which decide what is drawn
            temperature, top_k, top_p, forbidden: as in `decoding.sampler`

        Returns:
            Tokens [K, N] and the state; None in place of the tokens if logits were not finite.
        """
        sampling = Sampling(
            temperature if temperature >= LEAST else 0.0, top_k, top_p, tuple(forbidden)
        )
        self.begin(tokens, state, sampling)
        chances = np.ascontiguousarray(chances, np.float64)
        if chances.ndim != 2 or chances.shape[1] != len(self.tokens):
            raise ValueError(
                f"chances must be [K, {len(self.tokens)}], one for each row; "
                f"got {list(chances.shape)}"
            )
        drawn = np.empty(chances.shape, np.int64)
        finite = self.plan.run(
            self.call, rows=len(self.tokens), steps=len(chances), drawn=drawn, chances=chances
        )
        return (drawn if finite else None), self._state

    def begin(self, tokens: Tensor, state: State, sampling: Sampling) -> None:
        """Prepares a call of these tokens; the compiled step refuses ids that have no embedding."""
        if tokens.dim() != 1 or not len(tokens):
            raise ValueError(f"tokens must be [N]; got {list(tokens.shape)}")
        if state is not self._state or sampling != self.sampling or len(tokens) != len(self.tokens):
            self.adopt(len(tokens), state, sampling)
        self.tokens.copy_(tokens)

    def adopt(self, rows: int, state: State, sampling: Sampling) -> None:
        """Takes a state of N rows, and a way of sampling."""
        wrong = [token for token in sampling.forbidden if not 0 <= token < self.size]
        if wrong:
            raise ValueError(
                f"forbidden holds token {wrong[0]}, but the model has the tokens 0 to "
                f"{self.size - 1}"
            )
        sizes = [size for _, size in self.plan.layers.sizes]
        if [[tuple(part.shape) for part in layer] for layer in state] != [
            [(rows, size)] * self.plan.layers.parts for size in sizes
        ]:
            raise ValueError(
                f"state must be {self.plan.layers.parts} parts of {rows} rows for each of "
                f"{len(sizes)} layers"
            )
        if state is not self._state:
            self._state = map_state(
                lambda part: part.detach().to("cpu", torch.float32, copy=True).contiguous(), state
            )
            # aliases: the memory that is written to stays, whatever is done to the tensors
            self._memory = map_state(Tensor.detach, self._state)
        self.sampling, self.tokens = sampling, torch.zeros(rows, dtype=torch.int64)
        self.logits = torch.empty(rows, self.size)
        self._addresses = torch.tensor(addresses(self._memory, self._memory), dtype=torch.int64)
        forbidden = torch.tensor(sampling.forbidden, dtype=torch.int64)
        self.call = self.plan.call(
            self._addresses, self.tokens, self.logits, forbidden, sampling, residual=self.residual
        )
