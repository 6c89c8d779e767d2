"""The kernels as PyTorch operators, for torch.compile and torch.export: `torch.ops.ostinato.recurrence`.

Eager code does not come through here: a call of an operator with gradients costs some 50 microseconds, an
`autograd.Function` a fifth of that. Both end in `recurrence.forward` and `recurrence.backward`."""

from __future__ import annotations

import torch
from torch import Tensor

from ostinato.kernels import native, recurrence
from ostinato.kernels.recurrence import FORMULAS, Kept, Weights


def whole(rows: Tensor, count: int) -> Tensor:
    """[P, ...] -> [count, ...]: an operator's results must have shapes that do not depend on the lengths."""
    if len(rows) == count:
        return rows
    result = rows.new_zeros(count, rows.shape[1])
    result[: len(rows)] = rows
    return result


@torch.library.custom_op("ostinato::recurrence", mutates_args=(), device_types="cpu")
def recurrence_operator(
    name: str,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    from_input: Tensor,
    from_hidden: Tensor,
    input_bias: Tensor | None,
    hidden_bias: Tensor | None,
    lengths: Tensor | None,
    reverse: bool,
    training: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """-> outputs, h, c, and what the backward pass reads (empty where there is nothing)."""
    weights = Weights(from_input, from_hidden, input_bias, hidden_bias)
    arrangement = native.arrange(x.shape[0], x.shape[1], lengths, reverse=reverse)
    state = (h0,) if c0 is None else (h0, c0)
    outputs, last, saved = recurrence.forward(
        FORMULAS[name], x.contiguous(), state, weights, arrangement, training=training
    )
    count, nothing = x.shape[0] * x.shape[1], [x.new_empty(0) for _ in range(4)]
    kept = [] if saved is None else [whole(part, count) for part in saved[1:] if part is not None]
    return outputs, last[0], last[1] if c0 is not None else nothing.pop(), *kept, *nothing[: 3 - len(kept)]


@recurrence_operator.register_fake
def fake_recurrence(
    name, x, h0, c0, from_input, from_hidden, input_bias, hidden_bias, lengths, reverse, training
):
    (batch, steps, _), size = x.shape, from_hidden.shape[1]
    count = batch * steps if training else 0

    def rows(width: int, there: bool = True) -> Tensor:
        return x.new_empty(count, width * size) if training and there else x.new_empty(0)

    memory = FORMULAS[name].memory
    c = x.new_empty(batch, size) if memory else x.new_empty(0)
    return (
        x.new_empty(batch, steps, size), x.new_empty(batch, size), c,
        rows(FORMULAS[name].width), rows(1), rows(1, memory),
    )  # fmt: skip


@torch.library.custom_op("ostinato::recurrence_backward", mutates_args=(), device_types="cpu")
def backward_operator(
    name: str,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    from_input: Tensor,
    from_hidden: Tensor,
    input_bias: Tensor | None,
    hidden_bias: Tensor | None,
    lengths: Tensor | None,
    reverse: bool,
    gates: Tensor,
    before: Tensor,
    memory: Tensor,
    d_outputs: Tensor | None,
    d_h: Tensor | None,
    d_c: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """-> the gradients of x, h0, c0, from_input, from_hidden, input_bias, hidden_bias (empty for what is None)."""
    arrangement = native.arrange(x.shape[0], x.shape[1], lengths, reverse=reverse)
    weights = Weights(from_input, from_hidden, input_bias, hidden_bias)
    count = arrangement.count
    saved = Kept(
        recurrence.rows_of(x.contiguous(), arrangement),
        gates[:count],
        before[:count],
        None if c0 is None else memory[:count],
    )
    inputs = (x, h0, c0, *weights)
    wanted = tuple(tensor is not None for tensor in inputs)
    gradients = recurrence.backward(
        FORMULAS[name], x, weights, arrangement, saved, d_outputs, (d_h, d_c), wanted, overwrite=False
    )
    return tuple(x.new_empty(0) if gradient is None else gradient.contiguous() for gradient in gradients)


@backward_operator.register_fake
def fake_backward(name, x, h0, c0, from_input, from_hidden, input_bias, hidden_bias, lengths, *rest):
    inputs = (x, h0, c0, from_input, from_hidden, input_bias, hidden_bias)
    return tuple(x.new_empty(0) if tensor is None else x.new_empty(tensor.shape) for tensor in inputs)


def remember(ctx, inputs, output):
    name, x, h0, c0, *weights, lengths, reverse, training = inputs
    if not training:
        raise RuntimeError("ostinato::recurrence was called with training=False, but gradients are wanted")
    ctx.name, ctx.reverse = name, reverse
    ctx.save_for_backward(x, h0, c0, *weights, lengths, *output[3:])
    ctx.set_materialize_grads(False)


def differentiate(ctx, d_outputs, d_h, d_c, *_):
    *inputs, lengths, gates, before, memory = ctx.saved_tensors
    gradients = torch.ops.ostinato.recurrence_backward(
        ctx.name, *inputs, lengths, ctx.reverse, gates, before, memory, d_outputs, d_h, d_c
    )
    found = [None if tensor is None else gradient for tensor, gradient in zip(inputs, gradients, strict=True)]
    return None, *found, None, None, None


recurrence_operator.register_autograd(differentiate, setup_context=remember)
