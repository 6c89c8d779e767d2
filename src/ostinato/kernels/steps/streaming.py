"""One time step a call, for stacked layers, in microseconds; weights in float32, bfloat16 or int8.

Letters: B batch, T time, D input, H hidden, L layers. For users: `ostinato.layers.streaming`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from ostinato.kernels import bindings
from ostinato.kernels.kernel_cell import KernelCell
from ostinato.kernels.sequence import forward
from ostinato.kernels.steps.step_plan import StepPlan, forget_one, plan_for

FORMATS = ("float32", "bfloat16", "int8")
_format = "float32"  # what weights_as() has set

State = tuple[tuple[Tensor, ...], ...]  # for each layer (h [B, H],) or (h, c)


def check_format(weights: str) -> None:
    if weights not in FORMATS:
        raise ValueError(f"weights must be one of {', '.join(FORMATS)}; got {weights!r}")


@contextlib.contextmanager
def weights_as(weights: str) -> Iterator[None]:
    """Calls without gradients inside read smaller weights: `with kernels.weights_as("int8"): ...`

    Concerns the layers that have a step in `STEPS`; all others, and all training, stay as they are.

    Args:
        weights: "float32"; "bfloat16": each weight rounded to 8 significant bits, the arithmetic
            stays float32; or "int8": each weight a whole number from -127 to 127 times a scale of
            its row, inputs and states likewise with a scale of each row at each step, so that the
            sums are exact
    """
    global _format
    check_format(weights)
    before, _format = _format, weights
    try:
        yield
    finally:
        _format = before


def current_format() -> str:
    return _format


def in_eager_mode() -> bool:
    """Nothing is compiled, exported, traced, transformed or cast around this call."""
    return not (
        torch.compiler.is_compiling()
        or torch._C._functorch.peek_interpreter_stack() is not None
        or torch._C._get_tracing_state() is not None
        or torch._C._is_any_autocast_enabled()
    )


def is_plain(tensor: Tensor, rows: int, size: int) -> bool:
    """Whether the compiled step can read this tensor as [rows, size]."""
    return (
        type(tensor) is Tensor
        and tensor.shape == (rows, size)
        and tensor.dtype is torch.float32
        and tensor.is_cpu
        and tensor.is_contiguous()
    )


def one_step(
    owner: nn.Module,
    cells: Sequence[KernelCell],
    x: Tensor,
    state: State,
    *,
    residual: bool = False,
) -> tuple[Tensor, State] | None:
    """(x [B, D], state) -> (output [B, H], the new state), or None if this call is not for it."""
    plan = plan_for(owner, cells, _format)
    if plan is None or not in_eager_mode() or len(state) != plan.layers:
        return None
    rows = len(x)
    if rows == 0 or not is_plain(x, rows, plan.sizes[0][0]):
        return None
    parts = plan.parts
    for part, (_, size) in zip(state, plan.sizes, strict=True):
        if (
            len(part) != parts
            or not is_plain(part[0], rows, size)
            or (parts == 2 and not is_plain(part[1], rows, size))
        ):
            return None
    output, new = allocate_results(plan, rows)
    arguments = x.data_ptr(), output.data_ptr(), addresses(state, new)
    if plan.run(*arguments, rows=rows, residual=residual, threads=plan.threads(rows)):
        return output, new
    forget_one(owner)
    plan = plan_for(owner, cells, _format)  # of the same sizes, with the new weights
    if plan is None or not plan.run(*arguments, rows=rows, residual=residual):
        return None  # the weights change while they are read
    return output, new


def allocate_results(plan: StepPlan, rows: int) -> tuple[Tensor, State]:
    """Memory for an output [rows, H] and a state."""
    sizes = plan.sizes
    if plan.equal:  # one allocation for all
        output, *rest = torch.empty(1 + plan.layers * plan.parts, rows, sizes[0][1]).unbind(0)
        return output, tuple(zip(rest, strict=True)) if plan.parts == 1 else tuple(
            zip(rest[::2], rest[1::2], strict=True)
        )
    return torch.empty(rows, sizes[-1][1]), tuple(
        tuple(torch.empty(rows, size) for _ in range(plan.parts)) for _, size in sizes
    )


def addresses(before: State, after: State) -> list[int]:
    """h before, h, c before, c of each layer."""
    found: list[int] = []
    for old, new in zip(before, after, strict=True):
        if len(old) == 1:
            found += (old[0].data_ptr(), new[0].data_ptr(), 0, 0)
        else:
            found += (old[0].data_ptr(), new[0].data_ptr(), old[1].data_ptr(), new[1].data_ptr())
    return found


def run(
    cell: KernelCell,
    x: Tensor,
    state: tuple[Tensor, ...],
    lengths: Tensor | None = None,
    *,
    reverse: bool = False,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """As `launch.run`, without gradients, by weights in the format of `weights_as`.

    Raises:
        ValueError: x or the state has another size than the cell's weights.
    """
    plan = plan_for(cell, [cell], _format)
    batch, width = x.shape[0], cell.from_hidden.weight.shape[1]
    if plan is None or plan.sizes != [(x.shape[2], width)]:
        raise ValueError(f"the weights of {type(cell).__name__} do not fit x {list(x.shape)}")
    fits = [is_plain(part.contiguous(), batch, width) for part in state]
    if len(fits) != plan.parts or not all(fits) or x.dtype is not torch.float32 or not x.is_cpu:
        raise ValueError(
            f"x must be float32 on the CPU, the state {plan.parts} of [{batch}, {width}]"
        )
    order = bindings.arrange(batch, x.shape[1], lengths, reverse=reverse)
    rows = forward.remove_padding(x.contiguous(), order).contiguous()
    outputs = rows.new_empty(order.rows, width)
    for _ in range(
        2
    ):  # a second time if the weights have changed, uncounted, since they were packed
        last = tuple(part.index_select(0, order.sorted_indices) for part in state)
        done = plan.run(
            rows.data_ptr(),
            outputs.data_ptr(),
            addresses((last,), (last,)),
            rows=batch,
            steps=order.steps,
            offsets=order.offsets.data_ptr(),
            threads=plan.threads(batch),
        )
        if done:
            break
        forget_one(cell)
        plan = plan_for(cell, [cell], _format)
        assert plan is not None
    else:
        raise RuntimeError("the weights change while they are read")
    last = tuple(torch.empty_like(part).index_copy_(0, order.sorted_indices, part) for part in last)
    padded = x.new_empty(batch, x.shape[1], width)
    return forward.restore_padding(outputs, padded, order), last


def usable(cell: KernelCell) -> bool:
    """Whether `run` takes this cell, with the weights it has now."""
    return plan_for(cell, [cell], _format) is not None
