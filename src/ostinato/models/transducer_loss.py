"""The loss of the transducer: -log P of a target, summed over all its alignments.

Graves 2012, Sequence transduction with recurrent neural networks, section 2.4. A node (t, u) of the
lattice has read t frames and emitted u labels. The blank leads to (t + 1, u), the next label to
(t, u + 1), and every path from (0, 0) to (T, U) is an alignment:

    alpha(t, u) = alpha(t - 1, u) blank(t - 1, u) + alpha(t, u - 1) label(t, u - 1)     (16)
    beta(t, u)  = beta(t + 1, u) blank(t, u) + beta(t, u + 1) label(t, u)               (18)
    P(target | frames) = alpha(T, U) = beta(0, 0)                                       (17)

B batch, T frames, U labels of the longest target; N = T + U anti-diagonals, on each of which the
nodes depend on the one before only.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

NEVER = float("-inf")


def transducer_losses(
    blanks: Tensor, labels: Tensor, lengths: Tensor, target_lengths: Tensor
) -> Tensor:
    """-log P of each target, computed in float64, with its gradient.

    Args:
        blanks: log p of the blank at every node [B, T, U + 1].
        labels: log p of the target's next label at every node but the last of a row [B, T, U].
        lengths: The frames of each row [B].
        target_lengths: The labels of each row [B].

    Returns:
        [B], in the dtype of `blanks`; 0, with gradient 0, for a row without frames.
    """
    return LatticeSum.apply(blanks, labels, lengths, target_lengths)


class LatticeSum(torch.autograd.Function):
    """The forward recursion; its gradient needs the backward one, and is how often each edge is
    used (equation 20): d -log P / d log p(edge) = -P(the alignment goes along the edge).
    """

    @staticmethod
    def forward(
        ctx: Any, blanks: Tensor, labels: Tensor, lengths: Tensor, target_lengths: Tensor
    ) -> Tensor:
        lengths, target_lengths = lengths.to(blanks.device), target_lengths.to(blanks.device)
        down, right = cut_edges(blanks.detach(), labels.detach(), lengths, target_lengths)
        alpha = sum_forward(down, right)  # [N + 1, B, U + 1]
        row = torch.arange(len(lengths), device=blanks.device)
        total = alpha[lengths + target_lengths, row, target_lengths]  # [B]
        ctx.save_for_backward(down, right, alpha, total, lengths, target_lengths)
        ctx.shapes = blanks.shape, labels.shape, blanks.dtype
        return torch.where(lengths > 0, -total, torch.zeros_like(total)).to(blanks.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        down, right, alpha, total, lengths, target_lengths = ctx.saved_tensors
        of_blanks, of_labels, dtype = ctx.shapes
        beta = sum_backward(down, right, lengths + target_lengths, target_lengths)
        possible = (lengths > 0) & (total > NEVER)
        # a row without any alignment has no gradient: -inf - -inf would be NaN
        before = alpha[:-1] - total.masked_fill(~possible, 0.0)[:, None]
        scale = torch.where(possible, gradients[0].double(), 0.0)[:, None]
        used_down = (before + down + beta[1:]).exp() * -scale  # [N, B, U + 1]
        used_right = (before + right)[..., :-1] + beta[1:, :, 1:]
        used_right = used_right.exp() * -scale  # [N, B, U]
        return (
            straighten(used_down, of_blanks[1]).to(dtype),
            straighten(used_right, of_labels[1]).to(dtype),
            None,
            None,
        )


def cut_edges(
    blanks: Tensor, labels: Tensor, lengths: Tensor, target_lengths: Tensor
) -> tuple[Tensor, Tensor]:
    """The edges by anti-diagonal [N, B, U + 1] in float64, -inf beyond the lengths."""
    frames, places = blanks.shape[1:]
    time = torch.arange(frames, device=blanks.device)[:, None]
    place = torch.arange(places, device=blanks.device)
    real = time < lengths[:, None, None]  # [B, T, 1]
    down = blanks.double().masked_fill(~(real & (place <= target_lengths[:, None, None])), NEVER)
    right = functional.pad(labels.double(), (0, 1), value=NEVER)
    right = right.masked_fill(~(real & (place < target_lengths[:, None, None])), NEVER)
    return skew(down), skew(right)


def skew(x: Tensor) -> Tensor:
    """Nodes [B, T, U + 1] by anti-diagonal [T + U, B, U + 1]: (t, u) goes to (t + u, u)."""
    rows, frames, places = x.shape
    diagonals = frames + places - 1
    # each u's row of frames is padded to one more than N and the whole is cut into rows of N: every
    # row begins one place later than the one before
    padded = functional.pad(x.transpose(1, 2), (0, places), value=NEVER).flatten(1)
    return padded[:, : places * diagonals].view(rows, places, diagonals).permute(2, 0, 1)


def straighten(x: Tensor, frames: int) -> Tensor:
    """The inverse of `skew`: [T + U, B, P] -> [B, T, P] for places P = U + 1 or U."""
    diagonals, rows, places = x.shape
    whole = x.permute(1, 2, 0).reshape(rows, places * diagonals)
    # rows of N + 1 begin where the frames of u do
    whole = functional.pad(whole, (0, places)).view(rows, places, diagonals + 1)
    return whole[..., :frames].transpose(1, 2)


def sum_forward(down: Tensor, right: Tensor) -> Tensor:
    """log alpha by anti-diagonal [N + 1, B, U + 1], of edges [N, B, U + 1]."""
    diagonals, rows, places = down.shape
    found = down.new_full((diagonals + 1, rows, places + 1), NEVER)  # a column before u = 0
    found[0, :, 1] = 0.0
    entering = functional.pad(right[..., :-1], (1, 0), value=NEVER)
    for n in range(diagonals):
        torch.logaddexp(
            found[n, :, 1:] + down[n], found[n, :, :-1] + entering[n], out=found[n + 1, :, 1:]
        )
    return found[..., 1:]


def sum_backward(down: Tensor, right: Tensor, ends: Tensor, target_lengths: Tensor) -> Tensor:
    """log beta by anti-diagonal [N + 1, B, U + 1]; row b ends at diagonal `ends[b]`."""
    diagonals, rows, places = down.shape
    found = down.new_full((diagonals + 1, rows, places + 1), NEVER)  # a column after u = U
    row = torch.arange(rows, device=down.device)
    found[ends, row, target_lengths] = 0.0
    for n in range(diagonals - 1, -1, -1):
        through = torch.logaddexp(found[n + 1, :, :-1] + down[n], found[n + 1, :, 1:] + right[n])
        torch.maximum(found[n, :, :-1], through, out=found[n, :, :-1])  # keeps a row's end
    return found[..., :-1]
