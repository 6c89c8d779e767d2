"""Ancestral sampling: each token is drawn from the model's distribution, given those before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

from ostinato.cells.state import State
from ostinato.decoding.greedy import greedy
from ostinato.decoding.loop import decode
from ostinato.decoding.sampler import Sampler
from ostinato.decoding.step import Hypothesis, StepFunction


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
    """Samples one hypothesis for each row; as `greedy`, but each token is drawn.

    Args:
        temperature, top_k, top_p: as in `Sampler`.
        generator: of the random numbers of the whole batch; default: torch's own.

    Returns:
        One hypothesis for each row. Their log-probabilities are the model's own, before
        temperature, top-k and top-p.
    """
    sampler = Sampler(temperature=temperature, top_k=top_k, top_p=top_p)
    if sampler.greedy:
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

    def choose(scores: Tensor, present: Tensor) -> Tensor:
        # for every row, ended or not: results do not depend on when ended rows are dropped
        uniform = torch.rand(rows, dtype=torch.float64, generator=generator, device=device)  # [B]
        return sampler.choose(scores, uniform.to(scores.device)[present])

    return decode(
        step,
        state,
        choose,
        rows=rows,
        bos=bos,
        eos=eos,
        maximum_length=maximum_length,
        watch=watch,
        forbidden=forbidden,
    )
