"""Beam search over all sentences of a batch at once.

    s(y_1..t) = sum_i log p(y_i | y_<i)

Of all continuations of the live hypotheses the `width` best are kept; those that end in <eos> leave
the beam and are complete (Sutskever, Vinyals and Le 2014, section 3.2). Complete hypotheses of n
tokens, <eos> included, are ranked by s / ((5 + n) / 6) ^ length_penalty (Wu et al. 2016, equation
14).

No width answers worse than greedy decoding by this score. Two rules make it so:

1. The greedy hypothesis is kept until it ends: where it is not among the `width` best, it has a
   row beside them. Without this rule it can be crowded out by hypotheses that turn out worse.
2. A sentence is not done because `width` hypotheses are complete, if a live one would still be
   among the n best were it to end now, or if the greedy one can still become the best. Stopping
   at `width` complete ones alone answers with improbable short sentences where the model is
   sure of a long one (on stopping rules: Meister, Vieira and Cotterell 2020, "Best-First Beam
   Search").
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ostinato.cells.state import State, select
from ostinato.decoding.backtrace import read_hypotheses
from ostinato.decoding.candidates import Candidates, best_candidates, top
from ostinato.decoding.inputs import first_tokens, forbidden_mask, log_probabilities
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
    """The best hypotheses of each row.

    beam_search(model.step, state, rows=2, bos=2, eos=3, maximum_length=50) -> 2 lists, best first

    A sentence is done when no live hypothesis can still be among its n_best, or, with a length
    penalty, when `width` are complete and neither a live one that ended now nor the greedy one
    would improve on them.

    Args:
        step, state, rows, bos, eos, maximum_length, watch, forbidden: as of `greedy`.
        width: hypotheses kept of each sentence at each step.
        length_penalty: the exponent above; 0 ranks by the sum alone.
        n_best: hypotheses returned of each sentence, at most `width`.

    Returns:
        For each row up to `n_best` hypotheses (fewer where the whole space has fewer), best first.
        Those that reached the maximum length without <eos> come last, and only where there are too
        few complete ones.
    """
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
    """The steps of `beam_search`, one after another."""
    check_settings(width, n_best, length_penalty)
    tokens, limits = first_tokens(state, rows=rows, bos=bos, maximum_length=maximum_length)
    device = tokens.device
    sentences = torch.arange(rows, device=device)  # [S], those still searched
    totals = torch.zeros(rows, 1, dtype=torch.float64, device=device)  # [S, W], W = 1 at first
    complete = torch.full_like(totals, -torch.inf).repeat(1, n_best)  # [S, n_best] best scores
    remaining = torch.full((rows,), width, device=device)  # [S] how many may still be completed
    greedy = torch.zeros(rows, dtype=torch.int64, device=device)  # [S] its slot; -1: it has ended
    tokens = tokens.unsqueeze(1)  # [S, W]
    # Two indices of each hypothesis: its row in the state of the last step (its parent's row), and
    # its index in the last Expansion. They differ, as candidates are new rows only after selection.
    parent_rows = indices = sentences.unsqueeze(1)  # [S, W] each
    alive, length = (limits > 0).nonzero()[:, 0], 0  # [S'] which of the S sentences continue
    while len(alive):
        # one selection drops the finished sentences and gives each hypothesis its parent's state
        if length or len(alive) < rows:
            state = select(state, parent_rows[alive].flatten())  # S' * W rows
        sentences, limits, remaining = sentences[alive], limits[alive], remaining[alive]  # [S]
        totals, complete = totals[alive], complete[alive]  # [S, W], [S, n_best]
        greedy = greedy[alive]  # [S]
        indices = indices[alive].flatten()  # [S * W]
        length += 1
        logits, state = step(tokens[alive].flatten(), state)  # [S * W, V]
        scores = log_probabilities(logits)  # [S * W, V]
        best = best_candidates(scores, totals, count=width, forbidden=forbidden, step=length)
        best, greedy = keep_greedy(best, greedy, scores, totals, forbidden)
        # from a parent's number within its sentence to its row in this step's batch
        sentence_numbers = torch.arange(len(alive), device=device).unsqueeze(1)  # [S, 1]
        parent_rows = best.parents + sentence_numbers * totals.shape[1]  # [S, K]
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
        alive, greedy = find_improvable(
            totals, greedy, complete, remaining, limits, length, length_penalty
        )  # [S'], [S]
        indices = torch.arange(tokens.numel(), device=device).view_as(tokens)  # [S, K]


def check_settings(width: int, n_best: int, length_penalty: float) -> None:
    """ValueError for a setting out of range."""
    if width < 1:
        raise ValueError(f"width must be at least 1; got {width}")
    if not 1 <= n_best <= width:
        raise ValueError(f"n_best must be between 1 and width; got {n_best} with width {width}")
    if not math.isfinite(length_penalty):
        raise ValueError(f"length_penalty must be a finite number; got {length_penalty}")


def keep_greedy(
    best: Candidates, slot: Tensor, scores: Tensor, totals: Tensor, forbidden: Sequence[int]
) -> tuple[Candidates, Tensor]:
    """Adds the greedy hypothesis' continuation in one more slot where it is not among the best.

    Args:
        best: the K best candidates of each sentence [S, K].
        slot: the greedy hypothesis' slot [S] among the W of before this step; -1 where it has
            ended.
        scores: log-probabilities of the next token [S * W, V].
        totals: the sums of before this step [S, W].
        forbidden: tokens that are never produced.

    Returns:
        The candidates, [S, K + 1] where any sentence needs the further slot, which in the others
        is -inf; and the greedy hypothesis' slot [S] among them.
    """
    own = (best.parents == slot.unsqueeze(1)) & (best.log_probabilities > -torch.inf)  # [S, K]
    # candidates are in order: the first that continues the greedy hypothesis is the greedy choice
    slots = torch.where(own.any(1), own.to(torch.int8).argmax(1), -1)
    lost = ((slot >= 0) & (slots < 0)).nonzero()[:, 0]  # [L]
    if not len(lost):
        return best, slots
    parents = slot[lost]
    next_scores = scores[lost * totals.shape[1] + parents]  # [L, V]
    next_scores = next_scores + forbidden_mask(forbidden, scores, size=scores.shape[1])
    added, tokens = next_scores.max(-1)  # of equal ones the first, as in greedy()
    values, new_parents, new_tokens = (functional.pad(part, (0, 1)) for part in best)
    values[:, -1] = -torch.inf
    values[lost, -1] = totals[lost, parents] + added
    new_parents[lost, -1], new_tokens[lost, -1] = parents, tokens
    slots[lost] = values.shape[1] - 1
    return Candidates(values, new_parents, new_tokens), slots


def find_improvable(
    totals: Tensor,
    greedy: Tensor,
    complete: Tensor,
    remaining: Tensor,
    limits: Tensor,
    length: int,
    length_penalty: float,
) -> tuple[Tensor, Tensor]:
    """The sentences whose search goes on, as their answers can still improve.

    Args:
        totals: the sums of the live hypotheses [S, K]; -inf where one has ended.
        greedy: the greedy hypothesis' slot [S] among these K; -1 where it had ended.
        complete: the n_best scores of complete hypotheses [S, n_best], best first.
        remaining: how many may still be completed [S].
        limits: the maximum lengths [S].
        length: of all live hypotheses.
        length_penalty: the exponent.

    Returns:
        The indices of these sentences [S'], and the slots of all [S]: -1 where the greedy
        hypothesis has ended at this step, too.
    """
    greedy_total = gather_greedy(totals, greedy)  # [S, 1]
    at_once, later = reachable_scores(totals, length, limits, length_penalty)  # [S] each
    reach = torch.where(remaining > 0, torch.maximum(at_once, later), at_once)
    improvable = reach > complete[:, -1]  # a live one can still come among the n best
    for score in reachable_scores(greedy_total, length, limits, length_penalty):
        improvable |= score > complete[:, 0]  # the greedy one can still become the best
    greedy = torch.where(greedy_total[:, 0] > -torch.inf, greedy, -1)
    return improvable.nonzero()[:, 0], greedy


def gather_greedy(totals: Tensor, slot: Tensor) -> Tensor:
    """The greedy hypotheses' sums [S, 1] of totals [S, K] by their slots [S]; -inf for slot -1."""
    found = totals.gather(1, slot.clamp(min=0).unsqueeze(1))
    return found.masked_fill((slot < 0).unsqueeze(1), -torch.inf)


def reachable_scores(
    live: Tensor, length: int, limits: Tensor, length_penalty: float
) -> tuple[Tensor, Tensor]:
    """The best scores [B] that live hypotheses [B, W] can end with at the next step, and at the
    limit.

    -inf where none is live, or none may be continued. A sum can only fall and the penalty is
    monotone in the length, so the greater of the two bounds what can be reached at all.
    """
    best = live.amax(1).masked_fill(length >= limits, -torch.inf)
    at_once = best / penalty(length + 1, length_penalty)
    return at_once, best / penalty(limits.double(), length_penalty)
