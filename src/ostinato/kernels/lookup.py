"""Which kernel takes a call, and why not."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ostinato.kernels import fused_torch, linear_scan, native, streaming
from ostinato.kernels.formulas import FORMULAS, Formula
from ostinato.kernels.running import run, run_both, weights_of
from ostinato.kernels.switch import switched_off

EPSILON = 1e-5  # of the normalisations that native/layer_norm.h computes

_warned = False


def status() -> dict:
    """What is active and why not: {"active": True, "instruction_set": "avx512", "threads": 2, ...}"""
    reason = switched_off()
    if reason is None and native.missing:
        reason = f"the compiled part is missing ({native.missing}): it needs GCC or Clang at installation"
    return {
        "active": reason is None,
        "reason": reason,
        "instruction_set": native.instruction_sets[native.chosen]
        if native.instruction_sets
        else None,
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
    formula = FORMULAS.get(cell.kernel_name)
    if formula is None:
        return f"there is no kernel for {type(cell).__name__}"
    linears = [cell.from_input, cell.from_hidden] + (
        [cell.to_output] if formula.middle is not None else []
    )
    for linear in linears:
        # a class with a `mask` of its own is cells.regularise.FromHidden: a Linear, and the mask is looked at here
        if (type(linear) is not nn.Linear and "mask" not in vars(type(linear))) or hooked(linear):
            return "its linear layers are not plain nn.Linear"
    if linears[-1] is not cell.from_hidden and cell.to_output.bias is not None:
        return "its projection has a bias"
    if formula.norms:
        return not_plain_norms(cell, formula)
    return None


def hooked(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def not_plain_norms(cell, formula: Formula) -> str | None:
    norms = [cell.get_submodule(name.split(".")[0]) for name in formula.own]
    if cell.from_hidden.bias is not None:
        return "a bias stands before a normalisation"
    for norm in norms:
        if (
            type(norm) is not nn.LayerNorm
            or hooked(norm)
            or norm.eps != EPSILON
            or norm.bias is None
        ):
            return "its normalisations are not plain nn.LayerNorm"
    return None


def not_these_tensors(cell, x: Tensor, state: tuple[Tensor, ...]) -> str | None:
    weights, formula = weights_of(cell), FORMULAS[cell.kernel_name]
    (rows, output), size = weights.from_hidden.shape, cell.hidden_size
    mask = getattr(cell.from_hidden, "mask", None)
    unreadable = native.unreadable(x, *state, *weights[:5], *weights.own, mask)
    if unreadable is not None:
        return unreadable
    sizes = (output, size) if formula.memory else (output,)
    if (
        x.dim() != 3
        or 0 in x.shape
        or [part.shape for part in state] != [(x.shape[0], width) for width in sizes]
    ):
        return "there is nothing to run"
    fits = rows == formula.gates * size and cell.from_input.weight.shape == (rows, x.shape[2])
    fits = fits and (
        output == size if weights.to_output is None else weights.to_output.shape == (output, size)
    )
    if not fits or (mask is not None and mask.shape != state[0].shape):
        return "the shapes do not fit"
    return None


def not_in_this_context(cell) -> str | None:
    if cell.gate_log is not None:
        return "the gates are being traced"
    if (
        not torch.compiler.is_compiling()
        and torch._C._functorch.peek_interpreter_stack() is not None
    ):
        return "a torch.func transform is at work"
    if torch.jit.is_tracing():
        return "the call is being traced"
    if torch._C._is_any_autocast_enabled():
        return "autocast is at work"
    return None


def usable(cell, x: Tensor, state: tuple[Tensor, ...], lengths: Tensor | None = None) -> bool:
    """Whether a native kernel takes this call; `why_not` says why one does not."""
    return why_not(cell, x, state, lengths) is None


def find(
    cell, x: Tensor, state: tuple[Tensor, ...], lengths: Tensor | None = None
) -> Callable | None:
    """The function (cell, x, state, lengths) -> (outputs, state) that takes this call, or None for the reference."""
    if why_not(cell, x, state, lengths) is None:
        return run
    if switched_off():
        return None
    if native.missing and cell.kernel_name in FORMULAS and x.device.type == "cpu":
        warn_once()
    for path in (fused_torch, linear_scan):
        if path.why_not(cell, x) is None:
            return path.run
    return None


def find_both(cells, x: Tensor, states, lengths: Tensor | None = None) -> Callable | None:
    """As `find`, for the two directions of a layer at the same time: `run_both`, or None."""
    if cells[0].kernel_name != cells[1].kernel_name or cells[0].sizes != cells[1].sizes:
        return None
    ready = all(
        why_not(cell, x, state, lengths) is None for cell, state in zip(cells, states, strict=True)
    )
    return run_both if ready else None


def one_step(
    owner: nn.Module, cells: list, x: Tensor, state: tuple, *, residual: bool = False
) -> tuple[Tensor, tuple] | None:
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
