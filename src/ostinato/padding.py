"""Padded batches: which steps are real, and a batch in the reverse order of time.

Letters: B batch, T time, D features."""

from __future__ import annotations

import torch
from torch import Tensor


def padding_mask(lengths: Tensor, steps: int, device: torch.device) -> Tensor:
    """padding_mask(tensor([1, 3]), 3, cpu) -> [[True, False, False], [True, True, True]].

    Args:
        lengths: the number of real steps of each row [B]
        steps: T
        device: where the mask is needed

    Returns:
        [B, T], True at the real steps and False in the padding.
    """
    return torch.arange(steps, device=device) < lengths.to(device)[:, None]


def reverse(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Reverses the real steps of each row; padding stays where it is: [1, 2, 3, 0] of length 3
    -> [3, 2, 1, 0].

    Args:
        x: [B, T, D]
        lengths: [B], or None if there is no padding
    """
    if lengths is None:
        return x.flip(1)
    time = torch.arange(x.shape[1], device=x.device)
    lengths = lengths.to(x.device)[:, None]
    index = torch.where(time < lengths, lengths - 1 - time, time)  # [B, T]
    return x.take_along_dim(index[..., None], dim=1)
