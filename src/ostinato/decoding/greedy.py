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
    """The hypothesis of the likeliest tokens of each row; of equal tokens the lowest.

    greedy(model.step, model.initial_state(batch), rows=2, bos=2, eos=3, maximum_length=50)
    -> 2 hypotheses

    Args:
        step: the model's step function.
        state: its initial state.
        rows: of `state`.
        bos: the token that each row begins with, one for all or a tensor [rows].
        eos: the token that ends a hypothesis; None if nothing does.
        maximum_length: of steps, that of <eos> included: an int, or a tensor [rows].
        watch: called with the state after each step; gives [N, ...], of which the hypotheses get
            one row for each token.
        forbidden: tokens that are never produced; the others' log-probabilities stay the model's.

    Returns:
        One hypothesis for each row.

    Raises:
        ValueError: the model gives NaN, or no token may be produced.
    """
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
