"""Step functions made of tables, small enough to search by hand."""

from __future__ import annotations

import math

import torch
from torch import Tensor

BOS, EOS = 0, 1


def table(
    seed: int,
    *,
    rows: int = 1,
    vocabulary: int = 4,
    dtype: torch.dtype = torch.float64,
    ties: bool = False,
) -> Tensor:
    """The logits [rows, V, V] of a random first-order Markov model for each row; with `ties`
    many of them are equal.
    """
    generator = torch.Generator().manual_seed(seed)
    if ties:
        return torch.randint(-2, 2, (rows, vocabulary, vocabulary), generator=generator).to(dtype)
    return 2 * torch.randn(
        rows, vocabulary, vocabulary, generator=generator, dtype=torch.float64
    ).to(dtype)


def step(tokens: Tensor, state: tuple[Tensor, Tensor, Tensor]):
    """State: each row's table [N, V, V]; all tokens so far, folded into a number [N]; the last
    token [N].
    """
    tables, past, _ = state
    past = (past * 31 + tokens) % 7
    logits = tables[torch.arange(len(tokens)), tokens] + 0.3 * (
        past.unsqueeze(1) == torch.arange(tables.shape[2]) % 7
    )
    return logits, (tables, past, tokens)


def start(tables: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    zeros = torch.zeros(len(tables), dtype=torch.int64)
    return tables, zeros, zeros


def last_token(state) -> Tensor:
    """What a test watches: the token that went into the step, [N, 1]."""
    return state[2].unsqueeze(1)


Found = tuple[list[int], float, bool]


def enumerate_all(tables: Tensor, length: int, *, forbidden: tuple[int, ...] = ()) -> list[Found]:
    """Every sequence of at most `length` steps of a single row, with its log-probability and
    whether <eos> ended it.
    """
    found = []

    def extend(tokens: list[int], total: float, last: int, state) -> None:
        logits, state = step(torch.tensor([last]), state)
        for token, gained in enumerate(logits.double().log_softmax(-1)[0].tolist()):
            if token in forbidden or gained == -math.inf:
                continue
            if token == EOS:
                found.append((tokens, total + gained, True))
            elif len(tokens) + 1 == length:
                found.append(([*tokens, token], total + gained, False))
            else:
                extend([*tokens, token], total + gained, token, state)

    extend([], 0.0, BOS, start(tables))
    return found


def ranked(found: list[Found], length_penalty: float) -> list[Found]:
    """Best first, as beam_search ranks them."""

    def key(item: Found) -> tuple[bool, float]:
        tokens, score, finished = item
        return not finished, -score / ((5 + len(tokens) + finished) / 6) ** length_penalty

    return sorted(found, key=key)
