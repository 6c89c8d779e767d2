"""Hidden Markov model of a token sequence, trained without labels by Baum-Welch (EM).

    chain = HiddenMarkovModel.fit(tokens, states=32, size=65)
    belief = chain.initial                         # [K] P(hidden state) before the first token
    belief = chain.advance(belief[None], tokens)   # after it
    belief @ chain.emissions                       # P(next token)

Source: Baum, Petrie, Soules and Weiss 1970; Rabiner 1989, section III with the scaling of section
V. K hidden states, V tokens, B streams of T tokens that are processed in parallel.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

SMOOTHING = 0.01  # added to each emission count, so that none has probability 0


class HiddenMarkovModel(NamedTuple):
    """The probabilities of the model.

    Attributes:
        initial: Of the first hidden state [K].
        transitions: Of the next state given the current one [K, K] (from, to).
        emissions: Of each token given the state [K, V].
    """

    initial: Tensor
    transitions: Tensor
    emissions: Tensor

    @classmethod
    def random(cls, states: int, size: int, *, seed: int) -> HiddenMarkovModel:
        """Random probabilities from a flat Dirichlet, which breaks the symmetry between states."""
        generator = torch.Generator().manual_seed(seed)
        parts = (
            torch.empty(states, count).exponential_(generator=generator)
            for count in (1, states, size)
        )
        initial, transitions, emissions = parts
        return cls(initial[:, 0] / initial.sum(), normalise(transitions), normalise(emissions))

    @classmethod
    def fit(
        cls,
        tokens: Tensor,
        *,
        states: int,
        size: int,
        iterations: int = 20,
        rows: int = 256,
        seed: int = 1,
    ) -> HiddenMarkovModel:
        """Trains on one token sequence.

        Args:
            tokens: Token ids [N].
            states: Hidden states K.
            size: Vocabulary V.
            iterations: Of expectation maximisation.
            rows: The sequence is split into at most this many streams.
            seed: Of the random initial probabilities.

        Raises:
            ValueError: There are fewer than two tokens.
        """
        if len(tokens) < 2:
            raise ValueError(f"tokens must be two or more; got {len(tokens)}")
        rows = max(1, min(rows, len(tokens) // 50))
        streams = tokens[: len(tokens) // rows * rows].view(rows, -1).long()
        chain = cls.random(states, size, seed=seed)
        for _ in range(iterations):
            chain = chain.update(streams)[0]
        return chain

    def update(self, streams: Tensor) -> tuple[HiddenMarkovModel, float]:
        """One iteration of expectation maximisation over streams [B, T].

        Returns:
            The new model, and the log-likelihood of the streams under the old one.
        """
        likelihoods = self.emissions.t()[streams]  # [B, T, K]
        forward, scales = self.forward(likelihoods)
        backward = torch.ones_like(self.initial).expand(len(streams), -1)
        # expected counts (E step): of transitions [K, K], of tokens [V, K], of the first state [K]
        steps = torch.zeros_like(self.transitions)
        tokens = torch.full_like(self.emissions.t(), SMOOTHING)
        for t in range(streams.shape[1] - 1, -1, -1):
            tokens.index_add_(0, streams[:, t], forward[t] * backward)
            if t:
                ahead = likelihoods[:, t] * backward / scales[t][:, None]
                steps += forward[t - 1].t() @ ahead
                backward = ahead @ self.transitions.t()
        first = (forward[0] * backward).sum(0)
        chain = HiddenMarkovModel(
            first / first.sum(), normalise(self.transitions * steps), normalise(tokens.t())
        )
        return chain, float(torch.stack(scales).double().log().sum())

    def forward(self, likelihoods: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The scaled forward algorithm.

        Args:
            likelihoods: P(token | state) [B, T, K].

        Returns:
            For each step P(hidden state | tokens so far) [B, K], and P(token | those before it)
            [B].
        """
        belief, forward, scales = self.initial.expand(len(likelihoods), -1), [], []
        for t in range(likelihoods.shape[1]):
            joint = belief * likelihoods[:, t]
            scales.append(joint.sum(1))
            forward.append(joint / scales[-1][:, None])
            belief = forward[-1] @ self.transitions
        return forward, scales

    def advance(self, belief: Tensor, tokens: Tensor) -> Tensor:
        """The belief [B, K] over the hidden state before `tokens` [B] -> after them."""
        joint = belief * self.emissions.t()[tokens]
        return (joint / joint.sum(1, keepdim=True)) @ self.transitions


def normalise(counts: Tensor) -> Tensor:
    """Counts [..., V] -> probabilities that sum to 1 over the last dimension."""
    return counts / counts.sum(-1, keepdim=True)
