"""The large softmax: a linear layer and its cross-entropy in one, in pieces, so that no [N, V] logits are kept.

Letters: N rows (tokens), H hidden, V vocabulary."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from ostinato.kernels import native
from ostinato.kernels.switch import switched_off

IGNORED = -100  # the target of padding, as in torch.nn.functional.cross_entropy
PIECE = 1 << 21  # logits that exist at a time


def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    label_smoothing: float = 0.0,
) -> Tensor:
    """The sum of the cross-entropies of `linear(hidden, weight, bias)` against `targets`, as one scalar.

        linear_cross_entropy(hidden, softmax.weight, softmax.bias, targets)
        == cross_entropy(softmax(hidden), targets, reduction="sum")      # but without the [N, V] logits

    hidden [N, H], weight [V, H], bias [V] or None, targets [N] int64; rows whose target is -100 count for nothing.
    `label_smoothing` e mixes the target with the uniform distribution, as in torch: (1 - e) one-hot + e / V
    (Szegedy et al., 2016, section 7). The gradients are computed along with the loss, piece by piece, so that
    only one piece of the logits ever exists."""
    if hidden.dim() != 2 or weight.dim() != 2 or hidden.shape[1] != weight.shape[1]:
        raise ValueError(
            f"hidden must be [N, H] and weight [V, H]; got {tuple(hidden.shape)} and {tuple(weight.shape)}"
        )
    if targets.shape != hidden.shape[:1]:
        raise ValueError(f"targets must be [N] = [{hidden.shape[0]}], one a row of hidden; got {tuple(targets.shape)}")
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"label_smoothing must lie in 0..1; got {label_smoothing}")
    device = hidden.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        hidden, weight = hidden.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    return LinearCrossEntropy.apply(hidden, weight, bias, targets, float(label_smoothing))


class LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden, weight, bias, targets, smoothing):
        wanted = ctx.needs_input_grad[:3]
        kept = (targets != IGNORED).nonzero()[:, 0]
        ctx.rows = None if len(kept) == len(targets) else kept  # padding is left out, not multiplied by zero
        ctx.count = len(targets)
        if ctx.rows is not None:
            hidden, targets = hidden.index_select(0, kept), targets.index_select(0, kept)
        wide = torch.promote_types(hidden.dtype, torch.float32)
        total = torch.zeros((), dtype=wide, device=hidden.device)
        gradients = [
            hidden.new_empty(hidden.shape) if wanted[0] else None,
            weight.new_zeros(weight.shape, dtype=wide) if wanted[1] else None,
            torch.zeros(len(weight), dtype=wide, device=weight.device) if wanted[2] else None,
        ]
        inputs = hidden, weight, bias
        one_piece = NativePieces(*inputs) if why_not(*inputs, targets) is None else torch_piece
        size = max(1, PIECE // max(1, len(weight)))
        for start in range(0, len(hidden), size):
            piece = slice(start, start + size)
            total += one_piece(hidden[piece], weight, bias, targets[piece], smoothing, gradients, piece)
        ctx.save_for_backward(*gradients)
        ctx.dtypes = hidden.dtype, weight.dtype, None if bias is None else bias.dtype
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx, scale):
        hidden, weight, bias = (
            None if gradient is None else (gradient * scale).to(dtype)
            for gradient, dtype in zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        )
        if hidden is not None and ctx.rows is not None:
            hidden = hidden.new_zeros(ctx.count, hidden.shape[1]).index_copy_(0, ctx.rows, hidden)
        return hidden, weight, bias, None, None


def torch_piece(hidden, weight, bias, targets, smoothing, gradients, rows) -> Tensor:
    """The loss of a few rows; their gradients are written or added to where they are wanted."""
    logits = linear(hidden, weight, bias)
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    normaliser = wide.logsumexp(1)
    right = wide.gather(1, targets[:, None])[:, 0]
    loss = (normaliser - (1 - smoothing) * right).sum()
    if smoothing:
        loss = loss - smoothing * wide.mean(1).sum()
    for_hidden, for_weight, for_bias = gradients
    if for_hidden is None and for_weight is None and for_bias is None:
        return loss
    # d loss / d logits = softmax - ((1 - e) one-hot + e / V)
    wide.sub_(normaliser[:, None]).exp_()
    if smoothing:
        wide.sub_(smoothing / len(weight))
    wide.scatter_add_(1, targets[:, None], wide.new_full((len(targets), 1), smoothing - 1))
    narrow = wide.to(logits.dtype)
    if for_hidden is not None:
        torch.mm(narrow, weight, out=for_hidden[rows])
    if for_weight is not None:
        if for_weight.dtype == narrow.dtype:
            for_weight.addmm_(narrow.t(), hidden)
        else:
            for_weight += narrow.t() @ hidden
    if for_bias is not None:
        for_bias += wide.sum(0)
    return loss


def why_not(hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> str | None:
    """Why the native kernels do not take this call, or None."""
    tensors = [tensor for tensor in (hidden, weight, bias) if tensor is not None]
    if switched_off() or native.missing:
        return switched_off() or native.missing
    if any(tensor.device.type != "cpu" or tensor.dtype != torch.float32 for tensor in tensors):
        return "the tensors are not float32 on the CPU"
    if torch._C._functorch.peek_interpreter_stack() is not None or torch.compiler.is_compiling():
        return "a transform is at work"
    if 0 in hidden.shape or 0 in weight.shape:
        return "there is nothing to do"
    lowest, highest = targets.aminmax()
    if lowest < 0 or highest >= len(weight):
        return "a target is out of range"  # which torch says in its own words
    return None


class NativePieces:
    """torch_piece by the native products, which pack the weight once for all pieces."""

    def __init__(self, hidden: Tensor, weight: Tensor, bias: Tensor | None):
        self.weight = weight.contiguous()
        self.bias = None if bias is None else bias.contiguous()
        self.rooms: dict[str, Tensor] = {}

    def product(self, a: Tensor, out: Tensor, bias: Tensor | None = None, *, form: str) -> None:
        filled = form in self.rooms
        room = self.rooms.setdefault(form, native.room_for(self.weight, form=form) if not filled else None)
        native.product(a, self.weight, out, bias, form=form, packed=(room, filled))

    def __call__(self, hidden, weight, bias, targets, smoothing, gradients, rows) -> Tensor:
        hidden, targets = hidden.contiguous(), targets.contiguous()
        logits = hidden.new_empty(len(hidden), len(weight))
        self.product(hidden, logits, self.bias, form="a bT")
        for_hidden, for_weight, for_bias = gradients
        wanted = any(gradient is not None for gradient in gradients)
        losses = native.cross_entropies(logits, targets, torch.tensor([smoothing]), gradient=wanted)
        if for_hidden is not None:
            self.product(logits, for_hidden[rows], form="a b")
        if for_weight is not None:
            native.product(logits, hidden, for_weight, form="aT b", add=True)
        if for_bias is not None:
            for_bias += logits.sum(0)
        return losses.sum()
