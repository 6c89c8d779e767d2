"""A language model that remembers what it has just read: what followed where it stood as it stands now may follow again.

Grave, Joulin and Usunier, Improving Neural Language Models with a Continuous Cache, 2017."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.cells.state import State
from ostinato.data.batch import IGNORE
from ostinato.models.language_model import LanguageEnsemble, LanguageModel
from ostinato.models.loss import token_losses

BLOCK = 256  # places that look back at a time: what that takes in memory is BLOCK * (size + BLOCK) numbers a row


class Memory(NamedTuple):
    """keys: hidden states of the last steps [N, M, H], at unit length; followed: the token behind each [N, M], -1 where there was no
    step; last: the newest state [N, H], whose token is yet to come, if it has `begun` [N]."""

    keys: Tensor
    followed: Tensor
    last: Tensor
    begun: Tensor


class CachedLanguageModel(nn.Module):
    """A trained LanguageModel with a cache of its last `size` steps; nothing more is learned.

        p(token) = (1 - weight) p_model(token) + weight sum_i softmax_i(sharpness cos(h_t, h_i)) [x_{i+1} = token]

    over the steps i < t that it remembers (equations 2 to 5 of Grave et al., who take the product of the hidden states; their
    cosine lets one sharpness suit networks of any size). Names and turns of phrase that a text repeats become likely as soon as
    they were read once.

    Its state is (the model's, Memory). In pieces it computes the same as in one go."""

    def __init__(self, model: LanguageModel, *, size: int, weight: float, sharpness: float):
        super().__init__()
        if size < 1 or not 0 <= weight <= 1:
            raise ValueError(f"size must be at least 1 and weight from 0 to 1; got {size}, {weight}")
        self.model, self.size, self.weight, self.sharpness = model, size, weight, sharpness

    def start(self, rows: int) -> State:
        like = self.model.output.weight
        keys = like.new_zeros(rows, self.size, like.shape[1])
        followed = torch.full((rows, self.size), -1, device=like.device)
        return self.model.start(rows), Memory(keys, followed, keys[:, 0], followed[:, 0] >= 0)

    @torch.no_grad()
    def losses(self, tokens: Tensor, targets: Tensor, state: State) -> tuple[Tensor, State]:
        """-log p of every target [N, T], zero where it is -100, and the state behind."""
        inner, memory = state
        hidden, _, inner = self.model.hidden(tokens, inner)
        own = token_losses(hidden, self.model.output.weight, self.model.output.bias, targets)
        queries, known, after = recalled(hidden, tokens, memory)
        copied, any_known = zip(*self.looked_up(queries, known, targets), strict=True)
        weight = self.weight * torch.cat(any_known, 1)
        mixed = ((1 - weight) * own.neg().exp() + weight * torch.cat(copied, 1)).log().neg()
        return mixed.masked_fill(targets == IGNORE, 0), (inner, after)

    def looked_up(self, queries: Tensor, known: Memory, targets: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """(what the cache gives each target [N, t], 1 where it holds anything), block by block."""
        steps = queries.shape[1]
        for begin in range(0, steps, BLOCK):
            query = queries[:, begin : begin + BLOCK]
            seen = slice(begin + 1, begin + self.size + query.shape[1])
            keys, followed = known.keys[:, seen], known.followed[:, None, seen]
            ahead = torch.arange(keys.shape[1], device=keys.device) - torch.arange(query.shape[1], device=keys.device)[:, None]
            share = self.shares(query, keys, (followed >= 0) & (ahead >= 0) & (ahead < self.size))
            yield (share * (followed == targets[:, begin : begin + BLOCK, None])).sum(-1), share.sum(-1).round()

    def shares(self, queries: Tensor, keys: Tensor, allowed: Tensor) -> Tensor:
        """How much of the cache's word each step has [N, t, M]; all zero where none is allowed."""
        alike = (self.sharpness * queries @ keys.mT).masked_fill(~allowed, -torch.inf)
        return alike.softmax(-1).nan_to_num(0.0)

    @torch.no_grad()
    def read(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N, T] -> logits [N, V] of what comes next, and the state behind."""
        inner, memory = state
        hidden, _, inner = self.model.hidden(tokens, inner)
        own = self.model.output(hidden[:, -1]).softmax(-1)
        queries, _, after = recalled(hidden, tokens, memory)
        share = self.shares(queries[:, -1:], after.keys, after.followed[:, None].ge(0))[:, 0]
        copied = torch.zeros_like(own).scatter_add(1, after.followed.clamp(min=0), share)
        weight = self.weight * share.sum(-1, keepdim=True).round()
        return ((1 - weight) * own + weight * copied).log(), (inner, after)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N] -> logits [N, V] of what comes next, and the state behind."""
        return self.read(tokens.unsqueeze(1), state)


def recalled(hidden: Tensor, tokens: Tensor, memory: Memory) -> tuple[Tensor, Memory, Memory]:
    """(hidden at unit length; all steps of before and now, of which place t sees those from t + 1 to t + M; the memory behind)."""
    size, queries = memory.keys.shape[1], functional.normalize(hidden, dim=-1)
    keys = torch.cat([memory.keys, memory.last[:, None], queries[:, :-1]], 1)
    first = tokens[:, :1].masked_fill(~memory.begun[:, None], -1)
    followed = torch.cat([memory.followed, first, tokens[:, 1:]], 1)
    last, begun = queries[:, -1], torch.ones_like(memory.begun)
    return queries, Memory(keys, followed, last, begun), Memory(keys[:, -size:], followed[:, -size:], last, begun)


def with_cache(network: nn.Module, *, size: int, weight: float, sharpness: float) -> nn.Module:
    """The network with a cache, or each network of an ensemble; n-grams stay as they are."""
    if isinstance(network, LanguageEnsemble):
        return LanguageEnsemble([with_cache(each, size=size, weight=weight, sharpness=sharpness) for each in network.models])
    if not isinstance(network, LanguageModel):
        return network
    return CachedLanguageModel(network, size=size, weight=weight, sharpness=sharpness).eval()
