"""The large softmax: a linear layer and its cross-entropy, without all [N, V] logits at once.

Letters: N rows (tokens), H hidden, V vocabulary."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from ostinato.kernels import availability, bindings
from ostinato.kernels.precision import autocast_dtype

IGNORED = -100  # the target of padding, as in torch.nn.functional.cross_entropy
# A piece has at most TOGETHER logits (twice as many in bfloat16), but at least PIECE rows or an
# eighth of all: each piece reads the whole weight and its gradient once more.
TOGETHER = 1 << 21
PIECE = 128
WORDS = 2048  # rows of the weight that are packed at a time
PRECISIONS = ("float32", "bfloat16")


def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    label_smoothing: float = 0.0,
    *,
    precision: str = "float32",
) -> Tensor:
    """The sum of the cross-entropies of `linear(hidden, weight, bias)` against `targets`.

        linear_cross_entropy(hidden, softmax.weight, softmax.bias, targets)
        == cross_entropy(softmax(hidden), targets, reduction="sum")  # without the [N, V] logits

    The gradients are computed along with the loss, piece by piece, so that only one piece of the
    logits exists at a time.

    Args:
        hidden: [N, H]
        weight: [V, H]
        bias: [V] or None
        targets: ids [N], int64; rows whose target is -100 are ignored
        label_smoothing: e, which mixes the target with the uniform distribution, as in torch:
            (1 - e) one-hot + e / V (Szegedy et al., 2016, section 7)
        precision: "float32", or "bfloat16": the factors of the three products are rounded to 8
            binary digits, and added up in float32; softmax, loss and gradients stay as they are.
            Three to five times as fast where the processor has instructions for it (AVX-512 BF16,
            AMX), and of no use elsewhere

    Raises:
        ValueError: an argument whose shape, dtype or value does not fit.
    """
    check_arguments(hidden, weight, bias, targets)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"label_smoothing must lie in 0..1; got {label_smoothing}")
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}; got {precision!r}")
    device = hidden.device.type
    if device == "cpu" and autocast_dtype() is torch.bfloat16 and weight.dtype is torch.float32:
        hidden, precision = hidden.float(), "bfloat16"
    elif torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        hidden, weight = hidden.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    return LinearCrossEntropy.apply(
        hidden, weight, bias, targets, float(label_smoothing), precision
    )


def check_arguments(hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> None:
    """Shapes and dtypes that fit each other; devices are compared by the operations."""
    if hidden.dim() != 2 or weight.dim() != 2 or hidden.shape[1] != weight.shape[1]:
        raise ValueError(
            "hidden must be [N, H] and weight [V, H]; "
            f"got {tuple(hidden.shape)} and {tuple(weight.shape)}"
        )
    if targets.shape != hidden.shape[:1]:
        raise ValueError(
            f"targets must be [N] = [{hidden.shape[0]}], one for each row of hidden; "
            f"got {tuple(targets.shape)}"
        )
    if targets.dtype != torch.int64:
        raise ValueError(f"targets must be ids of dtype torch.int64; got {targets.dtype}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias must be [V] = [{weight.shape[0]}]; got {tuple(bias.shape)}")


class LinearCrossEntropy(torch.autograd.Function):
    """Its gradients are computed in the forward pass and returned by the first backward pass.

    A second backward pass (retain_graph) computes them again."""

    @staticmethod
    def forward(ctx, hidden, weight, bias, targets, smoothing, precision):
        ctx.save_for_backward(hidden, weight, bias, targets)
        ctx.settings = smoothing, precision, ctx.needs_input_grad[:3]
        total, ctx.gradients = loss_and_gradients(hidden, weight, bias, targets, *ctx.settings)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx, scale):
        inputs, found = ctx.saved_tensors, ctx.gradients
        ctx.gradients = None
        if found is None:
            _, found = loss_and_gradients(*inputs, *ctx.settings)
        return (
            *(
                None if gradient is None else gradient.mul_(scale).to(tensor.dtype)
                for gradient, tensor in zip(found, inputs[:3], strict=True)
            ),
            None,
            None,
            None,
        )


def loss_and_gradients(
    hidden, weight, bias, targets, smoothing, precision, needed
) -> tuple[Tensor, list[Tensor | None]]:
    """The loss, and its gradients for hidden, weight and bias; None where they are not needed."""
    count, real = len(targets), (targets != IGNORED).nonzero()[:, 0]
    some = len(real) < count  # padding is left out, not multiplied by zero
    if some:
        hidden, targets = hidden.index_select(0, real), targets.index_select(0, real)
    wide = torch.promote_types(hidden.dtype, torch.float32)
    total = torch.zeros((), dtype=wide, device=hidden.device)
    new_weight = (
        weight.new_empty if len(hidden) else weight.new_zeros
    )  # the first piece writes, the others add
    gradients = [
        hidden.new_empty(hidden.shape) if needed[0] else None,
        new_weight(weight.shape, dtype=wide) if needed[1] else None,
        torch.zeros(len(weight), dtype=wide, device=weight.device) if needed[2] else None,
    ]
    one_piece = pieces(hidden, weight, bias, targets, precision)
    most = max(1, TOGETHER * (1 + (precision == "bfloat16")) // max(1, len(weight)))
    if precision != "bfloat16":
        most = max(most, PIECE, len(hidden) // 8)
    number = -(-len(hidden) // most)
    for i in range(number):
        piece = slice(len(hidden) * i // number, len(hidden) * (i + 1) // number)
        total += one_piece(hidden[piece], weight, bias, targets[piece], smoothing, gradients, piece)
    if some and gradients[0] is not None:
        gradients[0] = (
            gradients[0].new_zeros(count, hidden.shape[1]).index_copy_(0, real, gradients[0])
        )
    return total, gradients


def pieces(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, precision: str
) -> Callable[..., Tensor]:
    """The function that computes a piece of such tensors the fastest."""
    with_kernels = why_not(hidden, weight, bias, targets) is None
    if precision == "bfloat16" and hidden.dtype == torch.float32:
        return NarrowPieces(weight, native_loss if with_kernels else torch_loss)
    return NativePieces(weight, bias) if with_kernels else torch_piece


def torch_loss(logits: Tensor, targets: Tensor, smoothing: float, *, gradient: bool) -> Tensor:
    """The loss of a few rows. With `gradient`, their logits are overwritten by d loss / d logits:
    softmax - ((1 - e) one-hot + e / V)."""
    normaliser = logits.logsumexp(1)
    right = logits.gather(1, targets[:, None])[:, 0]
    loss = (normaliser - (1 - smoothing) * right).sum()
    if smoothing:
        loss = loss - smoothing * logits.mean(1).sum()
    if gradient:
        logits.sub_(normaliser[:, None]).exp_()
        if smoothing:
            logits.sub_(smoothing / logits.shape[1])
        logits.scatter_add_(1, targets[:, None], logits.new_full((len(targets), 1), smoothing - 1))
    return loss


def native_loss(logits: Tensor, targets: Tensor, smoothing: float, *, gradient: bool) -> Tensor:
    """As `torch_loss`, by the native kernel, for contiguous float32 on the CPU."""
    return bindings.cross_entropies(
        logits, targets.contiguous(), torch.tensor([smoothing]), gradient=gradient
    ).sum()


def put(found: Tensor, into: Tensor, *, add: bool) -> None:
    """into = found, or into += found."""
    if add:
        into += found
    else:
        into.copy_(found)


def torch_piece(hidden, weight, bias, targets, smoothing, gradients, rows) -> Tensor:
    """The loss of a few rows; their gradients are written, or added, where they are needed."""
    logits = linear(hidden, weight, bias)
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    for_hidden, for_weight, for_bias = gradients
    loss = torch_loss(
        wide, targets, smoothing, gradient=any(gradient is not None for gradient in gradients)
    )
    narrow = wide.to(logits.dtype)
    if for_hidden is not None:
        torch.mm(narrow, weight, out=for_hidden[rows])
    if for_weight is not None:
        put(narrow.t() @ hidden, for_weight, add=rows.start > 0)
    if for_bias is not None:
        for_bias += wide.sum(0)
    return loss


def why_not(hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> str | None:
    """Why the native kernels do not take this call, or None."""
    reason = availability.why_not(hidden, weight, bias)
    if reason is not None:
        return reason
    if 0 in hidden.shape or 0 in weight.shape:
        return "there is nothing to do"
    lowest, highest = targets.aminmax()
    if lowest < 0 or highest >= len(weight):
        return "a target is out of range"  # which torch says in its own words
    return None


class NarrowPieces:
    """torch_piece for float32, with products of bfloat16: factors and logits are rounded."""

    def __init__(self, weight: Tensor, loss: Callable[..., Tensor]):
        self.weight, self.loss = weight.bfloat16(), loss
        # used again: allocating them costs more than the work done in them
        self.logits = self.for_weight = self.weight.new_empty(0, 0)
        self.wide = self.logits.float()

    def __call__(self, hidden, weight, bias, targets, smoothing, gradients, rows) -> Tensor:
        hidden = hidden.bfloat16()
        narrow, logits = self.workspace(len(hidden))
        logits.copy_(torch.mm(hidden, self.weight.t(), out=narrow))
        if bias is not None:
            logits += bias
        for_hidden, for_weight, for_bias = gradients
        loss = self.loss(
            logits, targets, smoothing, gradient=any(gradient is not None for gradient in gradients)
        )
        narrow.copy_(logits)
        if for_hidden is not None:
            for_hidden[rows] = narrow @ self.weight
        if for_weight is not None:
            put(torch.mm(narrow.t(), hidden, out=self.for_weight), for_weight, add=rows.start > 0)
        if for_bias is not None:
            for_bias += logits.sum(0)
        return loss

    def workspace(self, rows: int) -> tuple[Tensor, Tensor]:
        """Memory for the logits of some rows, in bfloat16 and in float32."""
        if len(self.wide) < rows:
            self.logits = self.weight.new_empty(rows, len(self.weight))
            self.wide = torch.empty_like(self.logits, dtype=torch.float32)
            self.for_weight = torch.empty_like(self.weight)
        return self.logits[:rows], self.wide[:rows]


class NativePieces:
    """torch_piece by the native products, with the weights of some words packed at a time."""

    def __init__(self, weight: Tensor, bias: Tensor | None):
        self.weight = weight.contiguous()
        self.bias = None if bias is None else bias.contiguous()
        self.blocks = [slice(start, start + WORDS) for start in range(0, len(weight), WORDS)]

    def __call__(self, hidden, weight, bias, targets, smoothing, gradients, rows) -> Tensor:
        hidden = hidden.contiguous()
        logits = hidden.new_empty(len(hidden), len(weight))
        for words in self.blocks:
            own = None if self.bias is None else self.bias[words]
            bindings.product(hidden, self.weight[words], logits[:, words], own, form="a bT")
        for_hidden, for_weight, for_bias = gradients
        loss = native_loss(
            logits, targets, smoothing, gradient=any(gradient is not None for gradient in gradients)
        )
        for words in self.blocks:
            if for_hidden is not None:
                bindings.product(
                    logits[:, words],
                    self.weight[words],
                    for_hidden[rows],
                    form="a b",
                    add=words.start > 0,
                )
            if for_weight is not None:
                bindings.product(
                    logits[:, words], hidden, for_weight[words], form="aT b", add=rows.start > 0
                )
        if for_bias is not None:
            for_bias += logits.sum(0)
        return loss
