"""Tokens drawn at random as the model's probabilities have it, sharpened or cut if so asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

from ostinato.cells.state import State
from ostinato.decoding.greedy import greedy
from ostinato.decoding.step import Hypothesis, StepFunction
from ostinato.decoding.walk import walk


def sample(
    step: StepFunction,
    state: State,
    *,
    rows: int,
    bos: int | Tensor,
    eos: int | None,
    maximum_length: int | Tensor,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    generator: Generator | None = None,
    watch: Callable[[State], Tensor | None] | None = None,
    forbidden: Sequence[int] = (),
) -> list[Hypothesis]:
    """As greedy(), but each token is drawn.

    temperature   divides the log-probabilities: below 1 sharper, above 1 flatter, 0 the likeliest token always
    top_k         draw among the k likeliest tokens only; 0 for all
    top_p         draw among the fewest tokens that hold this share of the probability, the nucleus (Holtzman et al.
                  2020, section 3.1); 1 for all

    The hypotheses' log-probabilities are the model's own, before all of these."""
    refuse_bad(temperature, top_k, top_p)
    if temperature == 0 or top_p == 0:
        return greedy(
            step,
            state,
            rows=rows,
            bos=bos,
            eos=eos,
            maximum_length=maximum_length,
            watch=watch,
            forbidden=forbidden,
        )
    device = "cpu" if generator is None else generator.device

    def drawn(scores: Tensor, present: Tensor) -> Tensor:
        # a number for every row, ended or not: so what is drawn does not depend on when ended rows are dropped
        chance = torch.rand(rows, dtype=torch.float64, generator=generator, device=device).to(
            scores.device
        )
        return draw(scores.double() / temperature, chance[present], top_k=top_k, top_p=top_p)

    return walk(
        step,
        state,
        drawn,
        rows=rows,
        bos=bos,
        eos=eos,
        maximum_length=maximum_length,
        watch=watch,
        forbidden=forbidden,
    )


def refuse_bad(temperature: float, top_k: int, top_p: float) -> None:
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature must be 0 or more, and finite; got {temperature}")
    if top_k < 0:
        raise ValueError(f"top_k must be 0 (all tokens) or more; got {top_k}")
    if not 0 <= top_p <= 1:
        raise ValueError(f"top_p must be between 0 and 1; got {top_p}")


def draw(scores: Tensor, chance: Tensor, *, top_k: int, top_p: float) -> Tensor:
    """One token for each row of unnormalised log-probabilities [N, V], given uniform random numbers [N] in [0, 1)."""
    if not top_k and top_p == 1:
        return invert(scores.softmax(-1), chance)
    kept, tokens = scores.topk(min(top_k or scores.shape[1], scores.shape[1]), dim=-1)
    probabilities = kept.softmax(-1)
    # the token with which the share is reached still belongs to the nucleus
    outside = probabilities.cumsum(-1) - probabilities >= top_p
    outside[:, 0] = False
    return tokens.gather(
        1, invert(probabilities.masked_fill(outside, 0), chance).unsqueeze(1)
    ).squeeze(1)


def invert(probabilities: Tensor, chance: Tensor) -> Tensor:
    """The inverse of the cumulative distribution: invert([[0.2, 0.8]], [0.1]) -> [0]. Probability 0 is never drawn."""
    cumulative = probabilities.cumsum(-1)
    total = cumulative[:, -1:]
    found = torch.searchsorted(cumulative, chance.unsqueeze(1) * total, right=True)
    last = (cumulative < total).sum(
        -1, keepdim=True
    )  # rounding may carry chance * total up to the total itself
    return torch.minimum(found, last).squeeze(1)
