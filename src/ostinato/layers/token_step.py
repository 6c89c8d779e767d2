"""Embedding, recurrent layers and output layer as one compiled step that generates token by token.

Letters: N rows, K steps, V vocabulary, H hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import addressof

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.cells.state import State, map_state
from ostinato.kernels.steps.streaming import addresses, check_format
from ostinato.kernels.steps.token_step import AT_ONCE, Cut, plan_for
from ostinato.layers.embedding import Embedding
from ostinato.layers.recurrent import Recurrent

LEAST = 1e-30  # temperatures below this are 0


class TokenStep:
    """(tokens [N], state) -> (logits [N, V], state), and several sampled steps in one call.

        step = TokenStep(embedding, recurrent, [output])
        logits, state = step(tokens, recurrent.initial_state(2))
        # chances [K, N] in 0..1 -> tokens [K, N]
        drawn, state = step.draw(tokens, state, chances, temperature=0.8)

    A returned state, like the logits, is changed in place by the next call that is given it: clone
    what is to be kept. Any other state is copied. A row's values do not depend on the other rows.
    Layers run as in evaluation. After weights have changed, make a new step; one for the same
    weights costs next to nothing.

    Args:
        embedding: The token embedding.
        recurrent: One direction, without zoneout and layer norms.
        dense: Linear layers, one after the other, from the recurrent layers' output to the logits.
        weights: float32, bfloat16 (half the memory traffic) or int8 (a quarter; see
            `kernels.weights_as`).

    Raises:
        ValueError: There is no such step for these layers; see `TokenStep.usable`.
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
        plan = plan_for(embedding, recurrent, recurrent.typed_cells, dense, weights)
        if plan is None:
            raise ValueError(
                "a token step needs the compiled kernels, float32 parameters on the CPU, and a "
                "cell that is an RNN "
                f"(tanh, relu), LSTM or GRU; got {type(recurrent.cells[0]).__name__}"
            )
        self.plan = plan
        self.residual, self.size = recurrent.residual, plan.vocabulary
        self.state: State = None
        self.cut: Cut | None = None

    @staticmethod
    def usable(
        embedding: Embedding,
        recurrent: Recurrent,
        dense: Sequence[nn.Linear],
        *,
        weights: str = "float32",
    ) -> bool:
        """Whether there is a TokenStep for these layers."""
        return (
            recurrent.has_plain_steps
            and plan_for(embedding, recurrent, recurrent.typed_cells, dense, weights) is not None
        )

    @property
    def together(self) -> int:
        """The number of steps of `draw` in one call that keep its duration unnoticeable."""
        return (
            max(1, AT_ONCE // (len(self.tokens) * self.plan.multiplications))
            if self.state is not None
            else 1
        )

    def __call__(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N] -> logits [N, V] of the next token, and the new state."""
        self.begin(tokens, state, self.cut or Cut())
        self.plan.run(self.address, rows=len(self.tokens))
        return self.logits, self.state

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
        """Samples K steps, each from the logits after the token sampled before it.

        Args:
            tokens: The tokens before the first step [N].
            state: The state before them.
            chances: Uniform random numbers in [0, 1), one for each step and row [K, N].
            temperature, top_k, top_p, forbidden: As those of decoding.sample.

        Returns:
            The sampled tokens [K, N] and the new state; None for the tokens if logits are NaN or
            infinite.
        """
        cut = Cut(temperature if temperature >= LEAST else 0.0, top_k, top_p, tuple(forbidden))
        self.begin(tokens, state, cut)
        chances = np.ascontiguousarray(chances, np.float64)
        if chances.ndim != 2 or chances.shape[1] != len(self.tokens):
            raise ValueError(
                f"chances must be [K, {len(self.tokens)}], one for each row; got "
                f"{list(chances.shape)}"
            )
        drawn = np.empty(chances.shape, np.int64)
        fine = self.plan.run(
            self.address,
            rows=len(self.tokens),
            steps=len(chances),
            drawn=drawn.ctypes.data,
            chances=chances.ctypes.data,
        )
        return (drawn if fine else None), self.state

    def begin(self, tokens: Tensor, state: State, cut: Cut) -> None:
        """Prepares a call; tokens are checked, as the compiled step would read beyond the table."""
        numbers = tokens.numpy()
        if state is not self.state or cut != self.cut or len(numbers) != len(self.tokens):
            self.adopt(len(numbers), state, cut)
        if numbers.min() < 0 or numbers.max() >= self.size:
            raise IndexError(
                f"tokens must lie in 0..{self.size - 1}; got {numbers.min()}..{numbers.max()}"
            )
        self.tokens[:] = numbers

    def adopt(self, rows: int, state: State, cut: Cut) -> None:
        """Takes over a state, and settings of sampling, for `rows` rows."""
        wrong = [token for token in cut.forbidden if not 0 <= token < self.size]
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
        if state is not self.state:
            self.state = map_state(
                lambda part: part.detach().to("cpu", torch.float32, copy=True).contiguous(), state
            )
        self.cut, self.tokens = cut, np.zeros(rows, np.int64)
        self.logits, self.forbidden = (
            torch.empty(rows, self.size),
            np.array(cut.forbidden, np.int64),
        )
        self.places = np.array(addresses(self.state, self.state), np.int64)
        self.call = self.plan.call(
            self.places, self.tokens, self.logits, self.forbidden, cut, residual=self.residual
        )
        self.address = addressof(self.call)
