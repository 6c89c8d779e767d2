"""Rows padded on the left, or on both sides: moved to the front, and what comes out moved back."""

from __future__ import annotations

import torch
from torch import Tensor


def find_starts(mask: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor]:
    """find_starts([[False, True, True], [True, False, False]], ...) -> [1, 0], [2, 1]

    Raises ValueError if the mask is not [B, T] as x is, or if a row's real steps do not lie together."""
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
    """Each row of x [B, T, D] moved `by` [B] steps to the left, around the end: back again with `-by`."""
    steps = x.shape[1]
    index = (torch.arange(steps, device=x.device) + by.to(x.device)[:, None]) % max(1, steps)
    return x.take_along_dim(index[..., None], dim=1)
