"""Truncated BPTT (backpropagation through time): chunks pass on their state, but no gradient.

    state = recurrent.initial_state(rows)
    for x, lengths in chunks(whole, whole_lengths, 35):
        outputs, state = recurrent(x, lengths, detach(state))     # cells.state.detach

Source: Williams and Peng, 1990; Mikolov, 2012, appendix A.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ostinato.cells.state import State, rebuild


def chunks(x: Tensor, lengths: Tensor | None, size: int) -> Iterator[tuple[Tensor, Tensor | None]]:
    """chunks(x of 5 steps, tensor([5, 1]), 3) -> (x[:, :3], [3, 1]), (x[:, 3:], [2, 0])

    Args:
        x: [B, T, ...].
        lengths: [B], or None.
        size: Steps of a chunk.

    Yields:
        The steps of a chunk [B, at most `size`, ...] and how many of them are real in each row [B].

    Raises:
        ValueError: A size below 1.
    """
    if size < 1:
        raise ValueError(f"size must be at least one step; got {size}")
    for start in range(0, x.shape[1], size):
        part = x[:, start : start + size]
        yield (
            part,
            None if lengths is None else (torch.as_tensor(lengths) - start).clamp(0, part.shape[1]),
        )


def restart(state: State, rows: Tensor, first: State) -> State:
    """The state with the initial state in some rows, where a new sequence starts in the next chunk.

    restart(state, tensor([False, True]), recurrent.initial_state(2)) -> row 0 continues, row 1
    starts

    Args:
        state: After the last chunk.
        rows: True where a new sequence starts [B].
        first: The initial state of B rows.
    """
    if state is None:
        return None
    if isinstance(state, Tensor):
        return torch.where(rows.to(state.device).view(-1, *[1] * (state.dim() - 1)), first, state)
    return rebuild(
        state, [restart(part, rows, start) for part, start in zip(state, first, strict=True)]
    )
