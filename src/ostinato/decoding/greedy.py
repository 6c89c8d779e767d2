"""The likeliest token at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from ostinato.cells.state import State
from ostinato.decoding.loop import decode
from ostinato.decoding.step import Hypothesis, StepFunction


def greedy(
    step: StepFunction,
    state: State,
    *,
    rows: int,
    bos: int | Tensor,
    eos: int | None,
    maximum_length: int | Tensor,
    watch: Callable[[State], Tensor | None] | None = None,
    forbidden: Sequence[int] = (),
) -> list[Hypothesis]:
    """greedy(model.step, model.initial_state(batch), rows=2, bos=2, eos=3, maximum_length=50) -> 2 hypotheses

    rows             how many rows `state` has
    bos              the token that each row begins with, one for all or a tensor [rows]
    eos              the token that ends a hypothesis; None if nothing does
    maximum_length   the greatest number of steps, that of <eos> counted: an int, or a tensor [rows]
    watch            called with the state after each step; its rows [N, ...] go with the hypotheses, one for each token
    forbidden        tokens that are never produced; the others' log-probabilities stay the model's

    Of equal tokens the lowest wins. ValueError if the model gives NaN, or if nothing is left to produce."""

    return decode(
        step,
        state,
        lambda scores, _: scores.argmax(-1),
        rows=rows,
        bos=bos,
        eos=eos,
        maximum_length=maximum_length,
        watch=watch,
        forbidden=forbidden,
    )
