"""Which kernel takes a call, and why not."""

from __future__ import annotations

import contextlib
import functools
import os
import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from ostinato.kernels import fused_torch, linear_scan, native, recurrence, streaming
from ostinato.kernels.autograd import Run
from ostinato.kernels.recurrence import FORMULAS, Weights

_off = 0  # how many `disabled()` blocks are open
_warned = False


@contextlib.contextmanager
def disabled() -> Iterator[None]:
    """`with kernels.disabled(): ...` runs the reference loops: for tests and comparisons."""
    global _off
    _off += 1
    try:
        yield
    finally:
        _off -= 1


def switched_off() -> str | None:
    """Why no kernel is wanted just now, or None."""
    if _off:
        return "inside kernels.disabled()"
    if os.environ.get("OSTINATO_KERNELS", "").lower() in ("off", "0", "no", "false"):
        return "OSTINATO_KERNELS=off"
    return None


def status() -> dict:
    """What is active and why not: {"active": True, "instruction_set": "avx512", "threads": 2, ...}"""
    reason = switched_off()
    if reason is None and native.missing:
        reason = f"the compiled part is missing ({native.missing}): it needs GCC or Clang at installation"
    return {
        "active": reason is None,
        "reason": reason,
        "instruction_set": native.instruction_sets[native.chosen] if native.instruction_sets else None,
        "instruction_sets": list(native.instruction_sets),
        "threads": torch.get_num_threads(),
        "formulas": list(FORMULAS),
    }


def why_not(cell, x: Tensor, state: tuple[Tensor, ...], lengths: Tensor | None) -> str | None:
    """Why no native kernel takes this call, in words, or None if one does. The one place that says when."""
    return (
        switched_off()
        or (native.missing and "the compiled part is missing")
        or not_a_formula(cell)
        or not_these_tensors(cell, x, state)
        or not_in_this_context(cell)
    )


def not_a_formula(cell) -> str | None:
    if cell.formula not in FORMULAS:
        return f"there is no kernel for {type(cell).__name__}"
    for linear in (cell.from_input, cell.from_hidden):
        if type(linear) is not nn.Linear or linear._forward_hooks or linear._forward_pre_hooks:
            return "its linear layers are not plain nn.Linear"
    return None


def not_these_tensors(cell, x: Tensor, state: tuple[Tensor, ...]) -> str | None:
    weights = weights_of(cell)
    tensors = [x, *state, *(weight for weight in weights if weight is not None)]
    if any(tensor.device.type != "cpu" or tensor.layout != torch.strided for tensor in tensors):
        return "the tensors are not plain CPU tensors"
    if any(tensor.dtype != torch.float32 for tensor in tensors):
        return "the tensors are not float32"
    size = weights.from_hidden.shape[1]
    if x.dim() != 3 or 0 in x.shape or any(part.shape != (x.shape[0], size) for part in state):
        return "there is nothing to run"
    if weights.from_input.shape != (FORMULAS[cell.formula].gates * size, x.shape[2]):
        return "the shapes do not fit"
    return None


def not_in_this_context(cell) -> str | None:
    if cell.notebook is not None:
        return "the gates are being traced"
    if not torch.compiler.is_compiling() and torch._C._functorch.peek_interpreter_stack() is not None:
        return "a torch.func transform is at work"
    if torch.jit.is_tracing():
        return "the call is being traced"
    if torch._C._is_any_autocast_enabled():
        return "autocast is at work"
    return None


def weights_of(cell) -> Weights:
    into, back = cell.from_input, cell.from_hidden
    return Weights(into.weight, back.weight, into.bias, back.bias)


def usable(cell, x: Tensor, state: tuple[Tensor, ...], lengths: Tensor | None = None) -> bool:
    """Whether a native kernel takes this call; `why_not` says why one does not."""
    return why_not(cell, x, state, lengths) is None


def find(cell, x: Tensor, state: tuple[Tensor, ...], lengths: Tensor | None = None) -> Callable | None:
    """The function (cell, x, state, lengths) -> (outputs, state) that takes this call, or None for the reference."""
    if why_not(cell, x, state, lengths) is None:
        return run
    if switched_off():
        return None
    if native.missing and cell.formula in FORMULAS and x.device.type == "cpu":
        warn_once()
    for path in (fused_torch, linear_scan):
        if path.why_not(cell, x) is None:
            return path.run
    return None


def find_backward(cell, x: Tensor, state: tuple[Tensor, ...], lengths: Tensor | None = None) -> Callable | None:
    """As `find`, for a run from each row's last real step to its first; only the native kernels have one."""
    return functools.partial(run, reverse=True) if why_not(cell, x, state, lengths) is None else None


def one_step(owner: nn.Module, cells: list, x: Tensor, state: tuple, *, residual: bool = False) -> tuple[Tensor, tuple] | None:
    """(x [B, D], state) -> (output [B, H], the new state) of stacked layers in one call, without gradients and without
    delay; None if this call is not for it. `owner` is the module that the packed weights are kept for."""
    return None if switched_off() else streaming.one_step(owner, cells, x, state, residual=residual)


def warn_once() -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"ostinato runs its slower loops: {status()['reason']}. "
            "Install a C++ compiler and install ostinato again, or set OSTINATO_KERNELS=off to silence this.",
            stacklevel=4,
        )


def run(
    cell, x: Tensor, state: tuple[Tensor, ...], lengths: Tensor | None = None, *, reverse: bool = False
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The whole sequence by the native kernel; with `reverse`, from each row's last real step to its first."""
    weights = weights_of(cell)
    x = x.contiguous()
    memory = state[1] if len(state) > 1 else None
    inputs = [tensor for tensor in (x, *state, *weights) if tensor is not None]
    training = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs)
    if torch.compiler.is_compiling() or isinstance(x, FakeTensor):
        outputs, h, c, *_ = torch.ops.ostinato.recurrence(
            cell.formula, x, state[0], memory, *weights, lengths, reverse, training
        )
        return outputs, (h,) if memory is None else (h, c)
    if training:
        # a view of the cell, not the cell: it may have other weights by the time of a second derivative
        def reference(x, state):
            with disabled():
                return cell.run(x, state, lengths)

        outputs, *last = Run.apply(cell.formula, reference, lengths, reverse, x, state[0], memory, *weights)
        return outputs, tuple(last)
    if streaming.current_format() != "float32" and streaming.usable(cell):
        return streaming.run(cell, x, state, lengths, reverse=reverse)
    arrangement = native.arrange(x.shape[0], x.shape[1], lengths, reverse=reverse)
    formula = FORMULAS[cell.formula]
    outputs, last, _ = recurrence.forward(formula, x, state, weights, arrangement, training=False)
    return outputs, last
