"""The decoding loop of greedy search and sampling: one hypothesis a row, token after token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.cells.state import State, select
from ostinato.decoding.inputs import (
    first_tokens,
    forbidden_mask,
    impossible,
    log_probabilities,
    refuse_broken,
)
from ostinato.decoding.step import Hypothesis, StepFunction

# (log-probabilities [N, V], -inf where forbidden; the indices of their rows [N]) -> tokens [N]
Choose = Callable[[Tensor, Tensor], Tensor]

# below this share of unfinished rows the finished ones are dropped; selecting costs time, too
SPARSE = 0.75


class Column(NamedTuple):
    """One step of the n unfinished rows.

    Attributes:
        rows: [n] their indices among the B.
        tokens: [n].
        watched: [n, ...], or None.
    """

    rows: Tensor
    tokens: Tensor
    watched: Tensor | None


@torch.no_grad()
def decode(
    step: StepFunction,
    state: State,
    choose: Choose,
    *,
    rows: int,
    bos: int | Tensor,
    eos: int | None,
    maximum_length: int | Tensor,
    watch: Callable[[State], Tensor | None] | None = None,
    forbidden: Sequence[int] = (),
) -> list[Hypothesis]:
    """Steps all rows until <eos> or their maximum length; arguments as of `greedy`.

    `choose` picks the tokens."""
    tokens, limits = first_tokens(state, rows=rows, bos=bos, maximum_length=maximum_length)
    total = torch.zeros(rows, dtype=torch.float64, device=tokens.device)
    finished = torch.zeros(rows, dtype=torch.bool, device=tokens.device)
    present, going = torch.arange(rows, device=tokens.device), limits > 0  # [N] each
    columns: list[Column] = []
    while bool(going.any()):
        if float(going.float().mean()) < SPARSE:
            kept = going.nonzero()[:, 0]
            state, tokens, present, going = (
                select(state, kept),
                tokens[kept],
                present[kept],
                going[kept],
            )
        logits, state = step(tokens, state)
        scores = log_probabilities(logits) + forbidden_mask(forbidden, logits, size=logits.shape[1])
        tokens = choose(scores, present)
        gained = scores.gather(1, tokens.unsqueeze(1)).squeeze(1)
        here = present[going]
        check(gained[going], here, len(columns) + 1)
        total[here] += gained[going]
        watched = None if watch is None else watch(state)
        columns.append(Column(here, tokens[going], None if watched is None else watched[going]))
        if eos is not None:
            finished[here] = tokens[going] == eos
        going = going & ~finished[present] & (limits[present] > len(columns))
    return gather(columns, total.tolist(), finished.tolist())


def check(gained: Tensor, rows: Tensor, step: int) -> None:
    """ValueError where the log-probability of a chosen token is NaN or infinite."""
    refuse_broken(gained.isnan().any(), step)
    if bool(gained.isinf().any()):
        raise impossible(int(rows[gained.isinf()][0]), step)


def gather(columns: list[Column], total: list[float], finished: list[bool]) -> list[Hypothesis]:
    """The columns, read row by row."""
    sequences: list[list[int]] = [[] for _ in total]
    watched: list[list[Tensor]] = [[] for _ in total]
    for column in columns:
        for place, (row, token) in enumerate(
            zip(column.rows.tolist(), column.tokens.tolist(), strict=True)
        ):
            sequences[row].append(token)
            if column.watched is not None:
                watched[row].append(column.watched[place])
    return [
        Hypothesis(
            tokens[: len(tokens) - ended], score, ended, stack(seen[: len(tokens) - ended], columns)
        )
        for tokens, score, ended, seen in zip(sequences, total, finished, watched, strict=True)
    ]


def stack(seen: list[Tensor], columns: list[Column]) -> Tensor | None:
    """What was watched, [U, ...], with U = 0 for no tokens; None without `watch`."""
    if seen:
        return torch.stack(seen)
    like = columns[0].watched if columns else None
    return None if like is None else like[:0]
