"""Beam search: the best few hypotheses of every sentence go on, all sentences at once.

    s(y_1..t) = sum_i log p(y_i | y_<i);  of all continuations of the live hypotheses the `width` best are kept;
    those that end in <eos> leave the beam and are complete (Sutskever, Vinyals and Le 2014, section 3.2)

Complete hypotheses of n tokens, <eos> counted, are ranked by s / ((5 + n) / 6) ^ length_penalty (Wu et al. 2016,
equation 14)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.cells.state import State, select
from ostinato.decoding.backtrace import penalty, read_hypotheses
from ostinato.decoding.candidates import best_candidates, top
from ostinato.decoding.inputs import first_tokens, log_probabilities
from ostinato.decoding.step import Hypothesis, StepFunction


class Expansion(NamedTuple):
    """One step of a search: the K candidates kept of each of the n sentences that are still searched, best first.

    sentences          [n] which sentences these are
    parents            [n, K] whose continuation each is: a place among the n' * K' candidates of the step before
    tokens             [n, K]
    log_probabilities  [n, K] float64; -inf: there is no such candidate
    watched            [n * K, ...] what was watched while this token was chosen, or None
    """

    sentences: Tensor
    parents: Tensor
    tokens: Tensor
    log_probabilities: Tensor
    watched: Tensor | None


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
    """beam_search(model.step, model.start(batch), rows=2, bos=2, eos=3, maximum_length=50) -> 2 lists, best first

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
    sentences = torch.arange(rows, device=tokens.device)
    live = torch.zeros(
        rows, 1, dtype=torch.float64, device=tokens.device
    )  # a sentence's hypotheses side by side
    complete = torch.full(
        (rows, n_best), -torch.inf, dtype=torch.float64, device=tokens.device
    )  # the best scores
    room = torch.full((rows,), width, device=tokens.device)  # how many more may be completed
    inputs = places = sentences.unsqueeze(1)
    kept, length = (limits > 0).nonzero()[:, 0], 0
    while len(kept):
        # finished sentences are dropped in the same selection that puts each hypothesis behind its parent
        state = select(state, inputs[kept].flatten()) if length or len(kept) < rows else state
        tokens, live, places = (
            tokens.view(len(inputs), -1)[kept].flatten(),
            live[kept],
            places[kept].flatten(),
        )
        sentences, limits, complete, room = (
            sentences[kept],
            limits[kept],
            complete[kept],
            room[kept],
        )
        length += 1
        logits, state = step(tokens, state)
        best = best_candidates(
            log_probabilities(logits), live, count=width, forbidden=forbidden, step=length
        )
        inputs = (
            best.parents
            + torch.arange(len(kept), device=tokens.device).unsqueeze(1) * live.shape[1]
        )
        watched = None if watch is None else watch(state)
        seen = None if watched is None else watched[inputs.flatten()]
        yield Expansion(sentences, places[inputs], best.tokens, best.log_probabilities, seen)

        tokens, ended = best.tokens, best.tokens == (-1 if eos is None else eos)
        finished = best.log_probabilities.masked_fill(~ended, -torch.inf) / penalty(
            length, length_penalty
        )
        complete = top(torch.cat([complete, finished], 1), n_best).values
        live = best.log_probabilities.masked_fill(ended, -torch.inf)
        room = room - (finished > -torch.inf).sum(1)
        hopeful = promising(live, length, limits, length_penalty) > complete[:, -1]
        kept = (hopeful & (room > 0)).nonzero()[:, 0]
        places = torch.arange(tokens.numel(), device=tokens.device).view_as(tokens)


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
