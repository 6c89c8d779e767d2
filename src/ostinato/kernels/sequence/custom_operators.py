"""The kernels as custom PyTorch operators, for torch.compile and torch.export.

Eager code does not use `torch.ops.ostinato.recurrence`: a call of an operator with gradients costs
some 50 microseconds, an `autograd.Function` a fifth of that. Both end in `forward.forward_pass` and
`backward.backward_pass`."""

from __future__ import annotations

import torch
from torch import Tensor

from ostinato.kernels import bindings
from ostinato.kernels.bindings import Arrangement
from ostinato.kernels.formulas import FORMULAS
from ostinato.kernels.sequence import backward, forward
from ostinato.kernels.sequence.backward import Incoming, Needed
from ostinato.kernels.sequence.forward import (
    Direction,
    RecurrentDropout,
    SavedForBackward,
    Weights,
)


def pad_rows(rows: Tensor, count: int) -> Tensor:
    """[P, ...] -> [count, ...]: an operator's results have shapes that do not depend on lengths."""
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
    from_input: Tensor | None,
    from_hidden: Tensor,
    input_bias: Tensor | None,
    hidden_bias: Tensor | None,
    to_output: Tensor | None,
    own: Tensor | None,
    lengths: Tensor | None,
    reverse: bool,
    training: bool,
    mask: Tensor | None,
    rates: Tensor | None,
    noise: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """One direction of a layer; the arguments are those of `Direction`, one by one.

    Returns:
        Outputs [B, T, O], h [B, O], c [B, H], and with `training` what the backward pass reads:
        gates, previous outputs and previous memory cells [B * T, .]. Empty where there is nothing.
    """
    weights = Weights(
        from_input, from_hidden, input_bias, hidden_bias, to_output, () if own is None else (own,)
    )
    direction = direction_of(x, h0, c0, weights, lengths, reverse, mask, rates, noise)
    outputs, (last,), (saved,) = forward.forward_pass(
        FORMULAS[name], [direction], training=training
    )
    count, nothing = x.shape[0] * x.shape[1], [x.new_empty(0) for _ in range(4)]
    c = last[1] if c0 is not None else nothing.pop()
    record = [pad_rows(part, count) for part in saved[1:4] if part is not None] if training else []
    gates, h_previous, c_previous = (*record, *nothing[: 3 - len(record)])
    return outputs, last[0], c, gates, h_previous, c_previous


def direction_of(
    x, h0, c0, weights: Weights, lengths, reverse: bool, mask, rates, noise
) -> Direction:
    check_shapes(x, weights)
    arrangement = bindings.arrange(x.shape[0], x.shape[1], lengths, reverse=reverse)
    state = (h0,) if c0 is None else (h0, c0)
    dropout = RecurrentDropout(mask, rates, noise)
    return Direction(x.contiguous(), state, weights, arrangement, dropout)


def check_shapes(x: Tensor, weights: Weights) -> None:
    """What the compiled part, which compares how many numbers tensors hold, does not see."""
    from_input, from_hidden = weights.from_input, weights.from_hidden
    if x.dim() != 3 or from_hidden.dim() != 2:
        raise ValueError(f"x must be [B, T, D]; got {list(x.shape)}")
    expected = [len(from_hidden), x.shape[2]]
    if from_input is not None and list(from_input.shape) != expected:
        raise ValueError(f"from_input must be {expected}; got {list(from_input.shape)}")


@recurrence_operator.register_fake
def fake_recurrence(
    name,
    x,
    h0,
    c0,
    from_input,
    from_hidden,
    input_bias,
    hidden_bias,
    to_output,
    own,
    lengths,
    reverse,
    training,
    *rest,
):
    (batch, steps, _), output = x.shape, from_hidden.shape[1]
    formula = FORMULAS[name]
    count, size = batch * steps if training else 0, from_hidden.shape[0] // formula.gates

    def rows(width: int, there: bool = True) -> Tensor:
        return x.new_empty(count, width) if training and there else x.new_empty(0)

    c = x.new_empty(batch, size) if formula.memory else x.new_empty(0)
    return (
        x.new_empty(batch, steps, output),
        x.new_empty(batch, output),
        c,
        rows(formula.width * size),
        rows(output),
        rows(size, formula.memory),
    )


@torch.library.custom_op("ostinato::recurrence_backward", mutates_args=(), device_types="cpu")
def backward_operator(
    name: str,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    from_input: Tensor | None,
    from_hidden: Tensor,
    input_bias: Tensor | None,
    hidden_bias: Tensor | None,
    to_output: Tensor | None,
    own: Tensor | None,
    lengths: Tensor | None,
    reverse: bool,
    mask: Tensor | None,
    rates: Tensor | None,
    noise: Tensor | None,
    gates: Tensor,
    before: Tensor,
    memory: Tensor,
    d_outputs: Tensor | None,
    d_h: Tensor | None,
    d_c: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The gradients of x, h0, c0, from_input, ..., own; empty for None."""
    weights = Weights(
        from_input, from_hidden, input_bias, hidden_bias, to_output, () if own is None else (own,)
    )
    direction = direction_of(x, h0, c0, weights, lengths, reverse, mask, rates, noise)
    formula, arrangement = FORMULAS[name], direction.arrangement
    rows = arrangement.rows
    h_previous = before[:rows]
    saved = SavedForBackward(
        None if formula.projected_inputs else forward.remove_padding(direction.x, arrangement),
        gates[:rows],
        h_previous,
        None if c0 is None else memory[:rows],
        h_previous if mask is None else h_previous * mask[sequence_of_rows(arrangement)],
    )
    inputs = (x, h0, c0, *weights[:5], own)
    needed = Needed.of([tensor is not None for tensor in inputs])
    incoming = Incoming(
        None if d_outputs is None else d_outputs.contiguous(), from_hidden.shape[1], (d_h, d_c)
    )
    (found,) = backward.backward_pass(
        formula, [direction], [saved], [incoming], [needed], overwrite=False
    )
    dx, dh, dc, d_from_input, d_from_hidden, d_input_bias, d_hidden_bias, d_to_output = (
        x.new_empty(0) if gradient is None else gradient.contiguous() for gradient in found[:8]
    )
    d_own = found.cell_parameters[0].contiguous() if found.cell_parameters else x.new_empty(0)
    d_biases = d_input_bias, d_hidden_bias
    return dx, dh, dc, d_from_input, d_from_hidden, *d_biases, d_to_output, d_own


def sequence_of_rows(arrangement: Arrangement) -> Tensor:
    """Which sequence each of the P rows belongs to."""
    counts = arrangement.offsets.diff()
    return torch.cat([arrangement.sorted_indices[:count] for count in counts.tolist()])


@backward_operator.register_fake
def fake_backward(
    name,
    x,
    h0,
    c0,
    from_input,
    from_hidden,
    input_bias,
    hidden_bias,
    to_output,
    own,
    lengths,
    *rest,
):
    inputs = (x, h0, c0, from_input, from_hidden, input_bias, hidden_bias, to_output, own)
    return tuple(
        x.new_empty(0) if tensor is None else x.new_empty(tensor.shape) for tensor in inputs
    )


def save_for_backward(ctx, inputs, output):
    name, x, h0, c0, *weights, lengths, reverse, training, mask, rates, noise = inputs
    if not training:
        raise RuntimeError(
            "ostinato::recurrence was called with training=False, but gradients are wanted"
        )
    ctx.name, ctx.reverse = name, reverse
    ctx.save_for_backward(x, h0, c0, *weights, lengths, mask, rates, noise, *output[3:])
    ctx.set_materialize_grads(False)


def differentiate(ctx, d_outputs, d_h, d_c, *_):
    *inputs, lengths, mask, rates, noise, gates, before, memory = ctx.saved_tensors
    each = torch.ops.ostinato.recurrence_backward(
        ctx.name,
        *inputs,
        lengths,
        ctx.reverse,
        mask,
        rates,
        noise,
        gates,
        before,
        memory,
        d_outputs,
        d_h,
        d_c,
    )
    found = [
        None if tensor is None else gradient for tensor, gradient in zip(inputs, each, strict=True)
    ]
    return None, *found, *(None,) * 6


recurrence_operator.register_autograd(differentiate, setup_context=save_for_backward)
