"""A hidden Markov model with the methods of a recurrent language model."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ostinato.baselines.hidden_markov_model import HiddenMarkovModel
from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE


class HiddenMarkovNetwork(nn.Module):
    """A hidden Markov model with the interface of a network.

    Its state [N, K] is the distribution of the hidden state before the next token.

    Args:
        tensors: The fields of a HiddenMarkovModel; they become buffers.
    """

    initial: Tensor
    transitions: Tensor
    emissions: Tensor

    def __init__(self, tensors: Mapping[str, Tensor]):
        super().__init__()
        for name in HiddenMarkovModel._fields:
            self.register_buffer(name, tensors[name])

    @property
    def model(self) -> HiddenMarkovModel:
        return HiddenMarkovModel(self.initial, self.transitions, self.emissions)

    def initial_state(self, rows: int) -> Tensor:
        """The state before a text begins, for `rows` rows."""
        return self.initial.expand(rows, -1).contiguous()

    def losses(self, tokens: Tensor, targets: Tensor, state: State) -> tuple[Tensor, State]:
        """-log p of each target [N, T], zero where it is -100, and the new state."""
        model, losses = self.model, []
        for step in range(tokens.shape[1]):
            state = model.advance(state, tokens[:, step])
            emissions = model.emissions.t()[targets[:, step].clamp(min=0)]  # [N, K]
            losses.append(-(state * emissions).sum(1).log())
        return torch.stack(losses, 1).masked_fill(targets == IGNORE, 0), state

    def read(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N, T] -> log p [N, V] of the next token, and the new state."""
        model = self.model
        for step in range(tokens.shape[1]):
            state = model.advance(state, tokens[:, step])
        return (state @ model.emissions).log(), state

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N] -> log p [N, V] of the next token, and the new state."""
        return self.read(tokens.unsqueeze(1), state)
