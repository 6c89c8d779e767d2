"""Continuous cache: mixes the softmax with a distribution over recently seen tokens.

The tokens are weighted by the similarity of the hidden states they followed. Source: Grave, Joulin
and Usunier 2017, Improving Neural Language Models with a Continuous Cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE
from ostinato.models.ensemble import LanguageEnsemble
from ostinato.models.language_model import LanguageModel
from ostinato.models.loss import token_losses

BLOCK = 256  # queries at a time: memory is BLOCK * (size + BLOCK) scores per row


class CacheState(NamedTuple):
    """The recent history of each row. N rows, M cached steps, H hidden units.

    Attributes:
        keys: Hidden states of the last steps, of unit length [N, M, H].
        followed: The token that followed each of them [N, M].
        last: The newest hidden state, whose next token is not yet known [N, 1, H]; [N, 0, H] at
            the beginning of a text.
    """

    keys: Tensor
    followed: Tensor
    last: Tensor


class ContinuousCache(nn.Module):
    """A trained LanguageModel with a cache of its last `size` steps; nothing more is trained.

        p(token) = (1 - weight) p_model(token) + weight c(token)
        c(token) = sum_i softmax_i(sharpness cos(h_t, h_i)) [x_{i+1} = token]

    over the cached steps i < t: equations 2 to 5 of Grave et al., with the cosine instead of the
    dot product of the hidden states, so that one sharpness suits networks of any size. Names and
    phrases that a text repeats become probable after their first occurrence.

    The state is (the model's, CacheState) and grows up to `size` steps per row. Processing a text
    in chunks gives the same result as in one piece.

    Args:
        model: The trained model.
        size: Cached steps M, at least 1.
        weight: Of the cache distribution in the mixture, in [0, 1).
        sharpness: Inverse temperature of the cache distribution, at least 0.
    """

    def __init__(self, model: LanguageModel, *, size: int, weight: float, sharpness: float):
        super().__init__()
        if size < 1 or not 0 <= weight < 1 or not 0 <= sharpness < math.inf:
            raise ValueError(
                "size must be at least 1, weight from 0 to below 1, sharpness at least 0; "
                f"got {size}, {weight}, {sharpness}"
            )
        self.model, self.size, self.weight, self.sharpness = model, size, weight, sharpness

    def initial_state(self, rows: int) -> State:
        """The state before a text begins: an empty cache."""
        empty = self.model.output.weight.new_empty(rows, 0, self.model.output.in_features)
        return self.model.initial_state(rows), CacheState(empty, empty[..., 0].long(), empty)

    @torch.no_grad()
    def losses(self, tokens: Tensor, targets: Tensor, state: State) -> tuple[Tensor, State]:
        """-log p of each target [N, T], zero where it is -100, and the new state."""
        inner, cache = state
        hidden, _, inner = self.model.hidden(tokens, inner)  # [N, T, H]
        own = token_losses(hidden, self.model.output.weight, self.model.output.bias, targets)
        queries, history = extend_history(hidden, tokens, cache)
        copied = torch.cat([*self.copy_probabilities(queries, history, targets)], 1)  # [N, T]
        mixed = -self.mix(-own, copied, has_history(history, own.shape[1]))
        return mixed.masked_fill(targets == IGNORE, 0), (inner, self.truncate(history))

    def copy_probabilities(
        self, queries: Tensor, history: CacheState, targets: Tensor
    ) -> Iterator[Tensor]:
        """The cache's probability of each target, in blocks [N, t] of at most BLOCK steps."""
        steps = queries.shape[1]
        # step t of this chunk sees the first before + t + 1 entries, of these the last `size`
        before = history.keys.shape[1] - steps
        for begin in range(0, steps, BLOCK):
            query = queries[:, begin : begin + BLOCK]  # [N, t, H]
            first = max(0, before + begin + 1 - self.size)
            part = slice(first, before + begin + query.shape[1])  # m entries any of them may see
            offsets = torch.arange(begin, begin + query.shape[1], device=query.device)
            ends = before + 1 - first + offsets[:, None]  # [t, 1], relative to the slice
            entry = torch.arange(part.stop - part.start, device=query.device)  # [m]
            allowed = (entry < ends) & (entry >= ends - self.size)  # [t, m]
            shares = self.attention(query, history.keys[:, part], allowed)  # [N, t, m]
            matches = history.followed[:, None, part] == targets[:, begin : begin + BLOCK, None]
            yield (shares * matches).sum(-1)

    def attention(self, queries: Tensor, keys: Tensor, allowed: Tensor) -> Tensor:
        """The weight of each cached step [N, t, M]; all zero where `allowed` [t, M] has none."""
        scores = (self.sharpness * queries @ keys.mT).masked_fill(~allowed, -torch.inf)
        return scores.softmax(-1).masked_fill(~allowed.any(-1, keepdim=True), 0)

    def mix(self, own: Tensor, copied: Tensor, known: Tensor) -> Tensor:
        """log p of the mixture.

        Args:
            own: The model's log-probabilities.
            copied: The cache's probabilities (not logarithms).
            known: Whether the cache has any entry; where not, the model decides alone.
        """
        weight = self.weight * known.to(own)
        return torch.logaddexp((1 - weight).log() + own, (weight * copied).log())

    def truncate(self, history: CacheState) -> CacheState:
        """The last `size` steps."""
        keys, followed = history.keys[:, -self.size :], history.followed[:, -self.size :]
        return CacheState(keys, followed, history.last)

    @torch.no_grad()
    def read(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N, T] -> log p [N, V] of the next token, and the new state."""
        inner, cache = state
        hidden, _, inner = self.model.hidden(tokens, inner)
        own = self.model.output(hidden[:, -1]).log_softmax(-1)  # [N, V]
        queries, history = extend_history(hidden, tokens, cache)
        cache = self.truncate(history)
        allowed = torch.ones(1, cache.keys.shape[1], dtype=torch.bool, device=own.device)
        shares = self.attention(queries[:, -1:], cache.keys, allowed)  # [N, 1, M]
        copied = torch.zeros_like(own).scatter_add(1, cache.followed, shares[:, 0])
        return self.mix(own, copied, has_history(cache, 1)), (inner, cache)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N] -> log p [N, V] of the next token, and the new state."""
        return self.read(tokens.unsqueeze(1), state)


def extend_history(hidden: Tensor, tokens: Tensor, cache: CacheState) -> tuple[Tensor, CacheState]:
    """Hidden states at unit length [N, T, H], and the cache with these steps appended."""
    queries = functional.normalize(hidden, dim=-1)
    keys = torch.cat([cache.keys, cache.last, queries[:, :-1]], 1)
    followed = torch.cat([cache.followed, tokens[:, 1 - cache.last.shape[1] :]], 1)
    return queries, CacheState(keys, followed, queries[:, -1:])


def has_history(history: CacheState, steps: int) -> Tensor:
    """Whether each of the last `steps` steps has any cached step before it [steps]."""
    return history.keys.shape[1] - steps + 1 + torch.arange(steps, device=history.keys.device) > 0


def add_cache(network: nn.Module, *, size: int, weight: float, sharpness: float) -> nn.Module:
    """The network, or each member of an ensemble, with a cache; n-gram models stay unchanged."""
    if isinstance(network, LanguageEnsemble):
        return LanguageEnsemble(
            [
                add_cache(each, size=size, weight=weight, sharpness=sharpness)
                for each in network.models
            ],
            network.weights,
        )
    if not isinstance(network, LanguageModel):
        return network
    return ContinuousCache(network, size=size, weight=weight, sharpness=sharpness)
