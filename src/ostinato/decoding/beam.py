"""Beam search: the best few hypotheses of every sentence go on, all sentences at once.

    s(y_1..t) = sum_i log p(y_i | y_<i);  of all continuations of the live hypotheses the `width` best are kept;
    those that end in <eos> leave the beam and are complete (Sutskever, Vinyals and Le 2014, section 3.2)

Complete hypotheses of n tokens, <eos> counted, are ranked by s / ((5 + n) / 6) ^ length_penalty (Wu et al. 2016,
equation 14)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from ostinato.cells.state import State, select
from ostinato.decoding.backtrace import read_hypotheses
from ostinato.decoding.candidates import best_candidates, top
from ostinato.decoding.inputs import first_tokens, log_probabilities
from ostinato.decoding.step import Expansion, Hypothesis, StepFunction, penalty


def beam_search(
    step: StepFunction,
    state: State,
    *,
    rows: int,
    bos: int | Tensor,
    eos: int | None,
    maximum_length: int | Tensor,
    width: int = 5,
    length_penalty: float = 0.0,
    n_best: int = 1,
    watch: Callable[[State], Tensor | None] | None = None,
    forbidden: Sequence[int] = (),
) -> list[list[Hypothesis]]:
    """beam_search(model.step, model.initial_state(batch), rows=2, bos=2, eos=3, maximum_length=50) -> 2 lists, best first

    As greedy(), and: `width` hypotheses are kept, `n_best` of them returned (fewer where the whole space has fewer).
    A sentence is done when `width` of its hypotheses are complete, or when no live one can still come among its n_best.
    Hypotheses that <eos> did not end within the maximum length come last, and only where finished ones are lacking."""
    expansions = list(
        search(
            step,
            state,
            rows=rows,
            bos=bos,
            eos=eos,
            maximum_length=maximum_length,
            width=width,
            length_penalty=length_penalty,
            n_best=n_best,
            watch=watch,
            forbidden=forbidden,
        )
    )
    return read_hypotheses(
        expansions, length_penalty=length_penalty, rows=rows, eos=eos, n_best=n_best
    )


@torch.no_grad()
def search(
    step: StepFunction,
    state: State,
    *,
    rows: int,
    bos: int | Tensor,
    eos: int | None,
    maximum_length: int | Tensor,
    width: int = 5,
    length_penalty: float = 0.0,
    n_best: int = 1,
    watch: Callable[[State], Tensor | None] | None = None,
    forbidden: Sequence[int] = (),
) -> Iterator[Expansion]:
    """The search itself, step by step."""
    refuse_bad(width, n_best, length_penalty)
    tokens, limits = first_tokens(state, rows=rows, bos=bos, maximum_length=maximum_length)
    device = tokens.device
    sentences = torch.arange(rows, device=device)  # [S], those still searched
    totals = torch.zeros(rows, 1, dtype=torch.float64, device=device)  # [S, W], W = 1 at first
    complete = torch.full_like(totals, -torch.inf).repeat(1, n_best)  # [S, n_best] best scores
    remaining = torch.full((rows,), width, device=device)  # [S] how many may still be completed
    tokens = tokens.unsqueeze(1)  # [S, W]
    # Two indices of each hypothesis: its row in the state of the last step (its parent's row), and
    # its index in the last Expansion. They differ, as candidates are new rows only after selection.
    parent_rows = indices = sentences.unsqueeze(1)  # [S, W] each
    alive, length = (limits > 0).nonzero()[:, 0], 0  # [S'] which of the S sentences continue
    while len(alive):
        # one selection both drops the finished sentences and gives each hypothesis its parent's state
        if length or len(alive) < rows:
            state = select(state, parent_rows[alive].flatten())  # S' * W rows
        sentences, limits, remaining = sentences[alive], limits[alive], remaining[alive]  # [S]
        totals, complete = totals[alive], complete[alive]  # [S, W], [S, n_best]
        indices = indices[alive].flatten()  # [S * W]
        length += 1
        logits, state = step(tokens[alive].flatten(), state)  # [S * W, V]
        scores = log_probabilities(logits)  # [S * W, V]
        best = best_candidates(scores, totals, count=width, forbidden=forbidden, step=length)
        # from a parent's number within its sentence to its row in this step's batch
        first_rows = (
            torch.arange(len(alive), device=device).unsqueeze(1) * totals.shape[1]
        )  # [S, 1]
        parent_rows = best.parents + first_rows  # [S, K]
        watched = None if watch is None else watch(state)  # [S * W, ...]
        watched = None if watched is None else watched[parent_rows.flatten()]  # [S * K, ...]
        parents = indices[parent_rows]  # [S, K]
        yield Expansion(sentences, parents, best.tokens, best.log_probabilities, watched)

        tokens, totals = best.tokens, best.log_probabilities  # [S, K] each
        ended = tokens == (-1 if eos is None else eos)  # [S, K]
        finished = totals.masked_fill(~ended, -torch.inf) / penalty(length, length_penalty)
        complete = top(torch.cat([complete, finished], 1), n_best).values  # [S, n_best]
        remaining = remaining - (finished > -torch.inf).sum(1)  # [S]
        totals = totals.masked_fill(ended, -torch.inf)  # a finished hypothesis leaves the beam
        # a sentence is done if no live hypothesis can still beat the worst of its n_best
        improvable = promising(totals, length, limits, length_penalty) > complete[:, -1]  # [S]
        alive = (improvable & (remaining > 0)).nonzero()[:, 0]  # [S']
        indices = torch.arange(tokens.numel(), device=device).view_as(tokens)  # [S, K]


def refuse_bad(width: int, n_best: int, length_penalty: float) -> None:
    if width < 1:
        raise ValueError(f"width must be at least 1; got {width}")
    if not 1 <= n_best <= width:
        raise ValueError(f"n_best must be between 1 and width; got {n_best} with width {width}")
    if not math.isfinite(length_penalty):
        raise ValueError(f"length_penalty must be a finite number; got {length_penalty}")


def promising(live: Tensor, length: int, limits: Tensor, length_penalty: float) -> Tensor:
    """The best score [B] that a live hypothesis can still end with; -inf for none, or none that may go on.

    Its sum can only fall, and the penalty is monotone in the length: it is best if it ends at once, or at the limit."""
    best = live.amax(1)
    soon, late = (
        best / penalty(length + 1, length_penalty),
        best / penalty(limits.double(), length_penalty),
    )
    return torch.where(length < limits, torch.maximum(soon, late), -torch.inf)
