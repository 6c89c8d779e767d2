"""The K best continuations of each sentence's hypotheses: the inner step of beam search.

Among W hypotheses times V tokens a beam needs a handful. So the V scores of a row are read once, in
blocks of which only the maximum is kept; the best blocks hold the best tokens, and only their
scores are compared one by one. Nothing of size V is sorted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.decoding.inputs import forbidden_mask, refuse_broken

BLOCK = 64  # about the square root of a usual V: as many blocks as tokens in a block


class Candidates(NamedTuple):
    """The K best continuations of each of B sentences, best first.

    Of equal ones that of the lower parent comes first, then of the lower token.

    Attributes:
        log_probabilities: [B, K] float64, of the hypothesis with the new token; -inf where there
            is no such candidate.
        parents: [B, K] the index of the hypothesis that is continued, among the sentence's W.
        tokens: [B, K] the token that continues it.
    """

    log_probabilities: Tensor
    parents: Tensor
    tokens: Tensor


def best_candidates(
    scores: Tensor, so_far: Tensor, *, count: int, forbidden: Sequence[int] = (), step: int = 1
) -> Candidates:
    """The `count` best continuations of each sentence; all, if there are fewer.

    Args:
        scores: [B * W, V] log-probabilities of the next token.
        so_far: [B, W] float64, those of the hypotheses; -inf where there is none.
        count: K.
        forbidden: tokens that are never produced.
        step: from 1, for the error message.
    """
    sentences, width = so_far.shape
    vocabulary = scores.shape[1]
    blocks = -(-vocabulary // BLOCK)
    added = forbidden_mask(forbidden, scores, size=blocks * BLOCK)
    maxima = block_maxima(scores, added, forbidden)
    refuse_broken((maxima.isnan().any(1) & (so_far.flatten() > -torch.inf)).any(), step)

    reach = drop_nan(so_far.reshape(-1, 1) + maxima).view(sentences, width * blocks)
    # in order again, so that the first of equal candidates wins
    chosen = top(reach, count).indices.sort(dim=1).values
    parents, block = chosen // blocks, chosen % blocks
    tokens = block.unsqueeze(-1) * BLOCK + torch.arange(BLOCK, device=scores.device)
    rows = parents + torch.arange(sentences, device=scores.device).unsqueeze(1) * width
    # the last block may reach beyond V, where `added` is -inf
    within = tokens.clamp(max=vocabulary - 1)
    values = scores.reshape(-1)[rows.unsqueeze(-1) * vocabulary + within] + added[tokens]
    values = drop_nan(values + so_far.gather(1, parents).unsqueeze(-1)).flatten(1)

    best = top(values, min(count, width * vocabulary))
    return Candidates(
        best.values,
        parents.gather(1, best.indices // BLOCK),
        within.flatten(1).gather(1, best.indices),
    )


def block_maxima(scores: Tensor, added: Tensor, forbidden: Sequence[int]) -> Tensor:
    """[N, V] -> [N, ceil(V / BLOCK)], the greatest score in each block of a token not forbidden."""
    whole = scores.shape[1] // BLOCK
    parts = [scores[:, : whole * BLOCK].unflatten(1, (whole, BLOCK)).amax(-1)] if whole else []
    if scores.shape[1] % BLOCK:
        parts.append(scores[:, whole * BLOCK :].amax(-1, keepdim=True))
    maxima = torch.cat(parts, 1)
    for block in {token // BLOCK for token in forbidden}:
        part = scores[:, block * BLOCK : (block + 1) * BLOCK]
        maxima[:, block] = (part + added[block * BLOCK : block * BLOCK + part.shape[1]]).amax(-1)
    return maxima


def drop_nan(values: Tensor) -> Tensor:
    """-inf in place of NaN, which only hypotheses that do not exist can still have."""
    return torch.where(values.isnan(), -torch.inf, values)


class Top(NamedTuple):
    """Values and their indices along dimension 1."""

    values: Tensor
    indices: Tensor


def top(values: Tensor, count: int) -> Top:
    """torch.topk along dimension 1, of equal values the first; all, if fewer than `count`."""
    if count >= values.shape[1]:
        return Top(*values.sort(dim=1, descending=True, stable=True))
    threshold = values.topk(count, dim=1, sorted=False).values.amin(1, keepdim=True)
    above, level = values > threshold, values == threshold
    wanted = above | (level & (level.cumsum(1) <= count - above.sum(1, keepdim=True)))
    indices = wanted.nonzero()[:, 1].view(-1, count)
    best, order = values.gather(1, indices).sort(dim=1, descending=True, stable=True)
    return Top(best, indices.gather(1, order))
