"""A language model that remembers what it has just read: what followed where it stood as it stands now may follow again.

Grave, Joulin and Usunier, Improving Neural Language Models with a Continuous Cache, 2017."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE
from ostinato.models.language_model import LanguageEnsemble, LanguageModel
from ostinato.models.loss import token_losses

BLOCK = 256  # places that look back at a time: what that takes in memory is BLOCK * (size + BLOCK) numbers a row


class Memory(NamedTuple):
    """keys: hidden states of the last steps [N, M, H], at unit length; followed: the token behind each [N, M]; last: the newest state,
    whose token is yet to come [N, 1, H], or none at a text's beginning [N, 0, H]."""

    keys: Tensor
    followed: Tensor
    last: Tensor


class CachedLanguageModel(nn.Module):
    """A trained LanguageModel with a cache of its last `size` steps; nothing more is learned.

        p(token) = (1 - weight) p_model(token) + weight sum_i softmax_i(sharpness cos(h_t, h_i)) [x_{i+1} = token]

    over the steps i < t that it remembers (equations 2 to 5 of Grave et al., who take the product of the hidden states; their
    cosine lets one sharpness suit networks of any size). Names and turns of phrase that a text repeats become likely as soon as
    they were read once.

    Its state is (the model's, Memory), which grows up to `size` steps a row. In pieces it computes the same as in one go."""

    def __init__(self, model: LanguageModel, *, size: int, weight: float, sharpness: float):
        super().__init__()
        if size < 1 or not 0 <= weight < 1 or not 0 <= sharpness < math.inf:
            raise ValueError(
                f"size must be at least 1, weight from 0 to below 1, sharpness at least 0; got {size}, {weight}, {sharpness}"
            )
        self.model, self.size, self.weight, self.sharpness = model, size, weight, sharpness

    def start(self, rows: int) -> State:
        nothing = self.model.output.weight.new_empty(rows, 0, self.model.output.in_features)
        return self.model.start(rows), Memory(nothing, nothing[..., 0].long(), nothing)

    @torch.no_grad()
    def losses(self, tokens: Tensor, targets: Tensor, state: State) -> tuple[Tensor, State]:
        """-log p of every target [N, T], zero where it is -100, and the state behind."""
        inner, memory = state
        hidden, _, inner = self.model.hidden(tokens, inner)
        own = token_losses(hidden, self.model.output.weight, self.model.output.bias, targets)
        queries, seen = recalled(hidden, tokens, memory)
        mixed = -self.mixed(
            -own,
            torch.cat([*self.looked_up(queries, seen, targets)], 1),
            any_before(seen, own.shape[1]),
        )
        return mixed.masked_fill(targets == IGNORE, 0), (inner, self.kept(seen))

    def looked_up(self, queries: Tensor, seen: Memory, targets: Tensor) -> Iterator[Tensor]:
        """How likely the cache finds each target [N, t], block by block."""
        steps = queries.shape[1]
        before = (
            seen.keys.shape[1] - steps
        )  # place t knows what stands at its first before + t + 1 steps, and looks at `size` of them
        for begin in range(0, steps, BLOCK):
            query = queries[:, begin : begin + BLOCK]
            first = max(0, before + begin + 1 - self.size)
            part = slice(first, before + begin + query.shape[1])
            ends = (
                before
                + 1
                - first
                + torch.arange(begin, begin + query.shape[1], device=query.device)[:, None]
            )
            place = torch.arange(part.stop - part.start, device=query.device)
            share = self.shares(
                query, seen.keys[:, part], (place < ends) & (place >= ends - self.size)
            )
            yield (
                share * (seen.followed[:, None, part] == targets[:, begin : begin + BLOCK, None])
            ).sum(-1)

    def shares(self, queries: Tensor, keys: Tensor, allowed: Tensor) -> Tensor:
        """How much of the cache's word each step has [N, t, M]; all zero where none is allowed [t, M]."""
        alike = (self.sharpness * queries @ keys.mT).masked_fill(~allowed, -torch.inf)
        return alike.softmax(-1).masked_fill(~allowed.any(-1, keepdim=True), 0)

    def mixed(self, own: Tensor, copied: Tensor, known: Tensor) -> Tensor:
        """Both probabilities' logarithm: the network's is given as one, the cache's is not; where nothing is `known`, only the former."""
        weight = self.weight * known.to(own)
        return torch.logaddexp((1 - weight).log() + own, (weight * copied).log())

    def kept(self, seen: Memory) -> Memory:
        return Memory(seen.keys[:, -self.size :], seen.followed[:, -self.size :], seen.last)

    @torch.no_grad()
    def read(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N, T] -> logits [N, V] of what comes next, and the state behind."""
        inner, memory = state
        hidden, _, inner = self.model.hidden(tokens, inner)
        own = self.model.output(hidden[:, -1]).log_softmax(-1)
        queries, seen = recalled(hidden, tokens, memory)
        memory = self.kept(seen)
        share = self.shares(
            queries[:, -1:],
            memory.keys,
            torch.ones(1, memory.keys.shape[1], dtype=torch.bool, device=own.device),
        )
        copied = torch.zeros_like(own).scatter_add(1, memory.followed, share[:, 0])
        return self.mixed(own, copied, any_before(memory, 1)), (inner, memory)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N] -> logits [N, V] of what comes next, and the state behind."""
        return self.read(tokens.unsqueeze(1), state)


def recalled(hidden: Tensor, tokens: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
    """(hidden [N, T, H] at unit length; all that is remembered behind it)"""
    queries = functional.normalize(hidden, dim=-1)
    keys = torch.cat([memory.keys, memory.last, queries[:, :-1]], 1)
    followed = torch.cat([memory.followed, tokens[:, 1 - memory.last.shape[1] :]], 1)
    return queries, Memory(keys, followed, queries[:, -1:])


def any_before(seen: Memory, steps: int) -> Tensor:
    """Whether each of the last `steps` places knows any step before it [steps]."""
    return seen.keys.shape[1] - steps + 1 + torch.arange(steps, device=seen.keys.device) > 0


def with_cache(network: nn.Module, *, size: int, weight: float, sharpness: float) -> nn.Module:
    """The network with a cache, or each network of an ensemble; n-grams stay as they are."""
    if isinstance(network, LanguageEnsemble):
        return LanguageEnsemble(
            [
                with_cache(each, size=size, weight=weight, sharpness=sharpness)
                for each in network.models
            ]
        )
    if not isinstance(network, LanguageModel):
        return network
    return CachedLanguageModel(network, size=size, weight=weight, sharpness=sharpness)
