"""A statistical translation model that predicts a target from left to right, token by token.

    p(y_u | y_<u, x) = sum_s p(a_u = s | y_<u, x) ((1 - q) t(y_u | x_s) + q p_0(y_u))

It is the hidden Markov model of `baselines.alignment_model` with <eos> as the last source token:
the forward probabilities of the target so far give the source position of the next token.

N rows, S source tokens with <eos>, U target tokens, K translations of a token, V vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ostinato.data.batching.batch import Batch
from ostinato.padding import padding_mask

FLOOR = 0.05  # weight of the target tokens' own frequencies, so that no token is impossible
TINY = 1e-12  # probability of a token that no source token explains


class LexiconState(NamedTuple):
    """What is known of the alignment of a target so far.

    Attributes:
        positions: p(source position of the next token) [N, S].
        moves: p(position | position of the token before) [N, S, S].
        ids: The translations of each source token [N, S, K].
        chances: Their probabilities [N, S, K].
    """

    positions: Tensor
    moves: Tensor
    ids: Tensor
    chances: Tensor


class Lexicon(nn.Module):
    """Scores of the next target token by what the source tokens translate to.

    Its buffers come from a model that was fitted before; they are not trained.

    Args:
        source_size: Size of the source vocabulary.
        target_size: Size of the target vocabulary, V.
        translations: Translations of each source token that are kept, K.
        widest: Jumps of this width and wider ones have one probability.
        bos, eos: Ids of the tokens at the beginning and at the end of a target; <eos> has the
            same id in the source vocabulary.
    """

    ids: Tensor
    chances: Tensor
    jumps: Tensor
    unaligned: Tensor
    frequencies: Tensor
    unaligned_share: Tensor

    def __init__(
        self,
        source_size: int,
        target_size: int,
        *,
        translations: int,
        widest: int,
        bos: int,
        eos: int,
    ):
        super().__init__()
        self.bos, self.eos, self.target_size, self.widest = bos, eos, target_size, widest
        table = source_size, translations
        self.register_buffer("ids", torch.zeros(table, dtype=torch.int64))
        self.register_buffer("chances", torch.zeros(table))
        self.register_buffer("jumps", torch.ones(2 * widest + 1))
        self.register_buffer("unaligned", torch.full((target_size,), 1 / target_size))
        self.register_buffer("frequencies", torch.full((target_size,), 1 / target_size))
        self.register_buffer("unaligned_share", torch.tensor(0.2))

    @torch.no_grad()
    def initial_state(self, batch: Batch) -> LexiconState:
        """The state before the first target token, one row per source."""
        rows = len(batch)
        source = nn.functional.pad(batch.inputs, (0, 1))  # [N, S]
        lengths = batch.lengths.to(source.device)
        source[torch.arange(rows, device=source.device), lengths] = self.eos
        is_token = padding_mask(lengths + 1, source.shape[1], source.device)
        places = torch.arange(source.shape[1], device=source.device)
        widths = (places - places.unsqueeze(1)).clamp(-self.widest, self.widest) + self.widest
        moves = self.jumps[widths] * is_token.unsqueeze(1)  # [N, S, S]
        begin = self.jumps[(places + 1).clamp(max=self.widest) + self.widest] * is_token  # [N, S]
        chances = self.chances[source] * is_token.unsqueeze(2)
        return LexiconState(normalise(begin), normalise(moves), self.ids[source], chances)

    @torch.no_grad()
    def step(self, tokens: Tensor, state: LexiconState) -> tuple[Tensor, LexiconState]:
        """tokens [N] -> log p [N, V] of the next token, and the new state."""
        state = self.advance(tokens, state)
        return self.spread(state.positions.unsqueeze(1), state).squeeze(1), state

    @torch.no_grad()
    def read(self, tokens: Tensor, state: LexiconState) -> Tensor:
        """tokens [N, U] -> log p [N, U, V] of the token after each of them."""
        positions = []
        for column in tokens.unbind(1):
            state = self.advance(column, state)
            positions.append(state.positions)
        return self.spread(torch.stack(positions, 1), state)

    def advance(self, tokens: Tensor, state: LexiconState) -> LexiconState:
        """The state after one more token [N]; <bos> leaves it as it is."""
        matches = state.ids == tokens.view(-1, 1, 1)
        translated = (state.chances * matches).sum(-1)  # [N, S]
        anywhere = self.unaligned_share * self.unaligned[tokens].unsqueeze(1)
        emitted = (1 - self.unaligned_share) * translated + anywhere + TINY
        behind = normalise(state.positions * emitted)
        ahead = (behind.unsqueeze(1) @ state.moves).squeeze(1)
        begins = (tokens == self.bos).unsqueeze(1)
        return state._replace(positions=torch.where(begins, state.positions, ahead))

    def spread(self, positions: Tensor, state: LexiconState) -> Tensor:
        """log p [N, U, V] of the next token from its source positions [N, U, S]."""
        rows, steps = positions.shape[:2]
        chances = (positions.unsqueeze(-1) * state.chances.unsqueeze(1)).flatten(2)
        ids = state.ids.flatten(1).unsqueeze(1).expand(-1, steps, -1)  # [N, U, S * K]
        found = chances.new_zeros(rows, steps, self.target_size).scatter_add_(2, ids, chances)
        share = self.unaligned_share
        found = (1 - share) * found + share * self.unaligned
        return ((1 - FLOOR) * found + FLOOR * self.frequencies).log()


def normalise(weights: Tensor) -> Tensor:
    """Weights [..., S] divided by their sum."""
    return weights / weights.sum(-1, keepdim=True).clamp(min=1e-30)
