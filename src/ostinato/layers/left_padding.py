"""Rows padded on the left, or on both sides: shifted to the front, and outputs shifted back."""

from __future__ import annotations

import torch
from torch import Tensor


def find_left_padding(mask: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor]:
    """find_left_padding([[False, True, True], [True, False, False]], ...) -> [1, 0], [2, 1]

    Args:
        mask: True at real steps [B, T].
        shape: Of x, [B, T, D].

    Returns:
        The first real step of each row [B], and its number of real steps [B].

    Raises:
        ValueError: A mask of another shape, or with a gap between a row's real steps.
    """
    if mask.shape != shape[:2]:
        raise ValueError(
            f"lengths given as a mask must be {list(shape[:2])}, as x is; got {list(mask.shape)}"
        )
    mask = mask.cpu()
    starts, lengths = (
        mask.to(torch.int64).argmax(dim=1) if mask.shape[1] else mask.sum(1),
        mask.sum(1),
    )
    time = torch.arange(mask.shape[1])
    together = (time >= starts[:, None]) & (time < (starts + lengths)[:, None])
    if (mask != together).any():
        row = int((mask != together).any(1).nonzero()[0])
        raise ValueError(
            f"lengths given as a mask must have each row's real steps together; row {row} has gaps"
        )
    return starts, lengths


def roll_rows(x: Tensor, by: Tensor) -> Tensor:
    """Shifts each row of x [B, T, D] by `by` [B] steps to the left, cyclically."""
    steps = x.shape[1]
    index = (torch.arange(steps, device=x.device) + by.to(x.device)[:, None]) % max(1, steps)
    return x.take_along_dim(index[..., None], dim=1)
