"""Dispatch: which kernel takes a call, and why none does."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ostinato.kernels import bindings
from ostinato.kernels.availability import switched_off
from ostinato.kernels.cores import describe_threads
from ostinato.kernels.formulas import FORMULAS, Formula
from ostinato.kernels.kernel_cell import KernelCell, State, dropout_mask, output_projection
from ostinato.kernels.precision import accepted_dtypes, why_not_autocast
from ostinato.kernels.sequence import fused_torch, linear_scan
from ostinato.kernels.sequence.launch import run, run_both, weights_of
from ostinato.kernels.steps import streaming

EPSILON = 1e-5  # of the normalisations that native/layer_norm.h computes

_warned = False


def status() -> dict:
    """What is active, or why not: {"active": True, "instruction_set": "avx512", ...}"""
    reason = switched_off()
    if reason is None and bindings.missing:
        reason = (
            f"the compiled part is missing ({bindings.missing}): "
            "it needs GCC or Clang at installation"
        )
    return {
        "active": reason is None,
        "reason": reason,
        "instruction_set": bindings.instruction_sets[bindings.chosen]
        if bindings.instruction_sets
        else None,
        "instruction_sets": list(bindings.instruction_sets),
        "precisions": describe_precisions(),
        "threads": torch.get_num_threads(),
        "why_threads": describe_threads(torch.get_num_threads()),
        "formulas": list(FORMULAS),
    }


def describe_precisions() -> dict[str, str | None]:
    """What computes the products of whole sequences in each precision, in words."""
    if bindings.missing:
        return {"float32": None, "bfloat16": None}
    plain = bindings.instruction_sets[bindings.chosen]
    narrow = bindings.why_not_bfloat16()
    if narrow is not None:
        return {"float32": plain, "bfloat16": f"float32 by {plain}: {narrow}"}
    large = "; large products by torch (AMX)" if bindings.large_by_torch else ""
    return {"float32": plain, "bfloat16": bindings.bfloat16_sets[0] + large}


def why_not(cell: KernelCell, x: Tensor, state: State, lengths: Tensor | None = None) -> str | None:
    """Why no native kernel takes this call, in words, or None if one does."""
    return (
        switched_off()
        or (bindings.missing and "the compiled part is missing")
        or why_not_formula(cell)
        or why_not_tensors(cell, x, state)
        or why_not_context(cell)
    )


def why_not_formula(cell: KernelCell) -> str | None:
    formula = FORMULAS.get(cell.kernel_name or "")
    if formula is None:
        return f"there is no kernel for {type(cell).__name__}"
    linears = [cell.from_input, cell.from_hidden]
    if formula.projected_column is not None:
        linears.append(output_projection(cell))
    for linear in linears:
        # recurrent dropout's from_hidden is of a class with a `mask`, which is checked below
        if (type(linear) is not nn.Linear and "mask" not in vars(type(linear))) or hooked(linear):
            return "its linear layers are not plain nn.Linear"
    if len(linears) > 2 and linears[-1].bias is not None:
        return "its projection has a bias"
    return why_not_norms(cell, formula) if formula.norms else None


def hooked(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def why_not_norms(cell: KernelCell, formula: Formula) -> str | None:
    if cell.from_hidden.bias is not None:
        return "a bias is added before a normalisation"
    for name in formula.parameter_names:
        norm = operator.attrgetter(name.split(".")[0])(cell)
        plain = type(norm) is nn.LayerNorm and not hooked(norm)
        if not plain or norm.eps != EPSILON or norm.bias is None:
            return "its normalisations are not plain nn.LayerNorm"
    return None


def why_not_tensors(cell: KernelCell, x: Tensor, state: State) -> str | None:
    weights, formula = weights_of(cell), FORMULAS[cell.kernel_name or ""]
    mask, own = dropout_mask(cell), weights.cell_parameters
    dtypes = accepted_dtypes(weights.from_hidden)
    reason = bindings.why_unsupported(x, *state, *weights[:5], *own, mask, dtypes=dtypes)
    if reason is not None:
        return reason
    if weights.from_hidden.dim() != 2:
        return "the shapes do not fit"
    (rows, output), size = weights.from_hidden.shape, cell.hidden_size
    sizes = (output, size) if formula.memory else (output,)
    if (
        x.dim() != 3
        or 0 in x.shape
        or [part.shape for part in state] != [(x.shape[0], width) for width in sizes]
    ):
        return "there is nothing to run"
    fits = rows == formula.gates * size and cell.from_input.weight.shape == (rows, x.shape[2])
    if weights.to_output is None:
        fits = fits and output == size
    else:
        fits = fits and weights.to_output.shape == (output, size)
    for bias in (weights.input_bias, weights.hidden_bias):
        fits = fits and (bias is None or bias.numel() == rows)
    if own:
        wanted = (formula.norms or 3) * size  # without norms: three peepholes
        fits = fits and sum(part.numel() for part in own) == wanted
    if not fits or (mask is not None and mask.shape != state[0].shape):
        return "the shapes do not fit"
    return None


def why_not_context(cell: KernelCell) -> str | None:
    if cell.gate_log is not None:
        return "the gates are being traced"
    if (
        not torch.compiler.is_compiling()
        and torch._C._functorch.peek_interpreter_stack() is not None
    ):
        return "a torch.func transform is active"
    if torch.jit.is_tracing():
        return "the call is being traced"
    return why_not_autocast()


def usable(cell: KernelCell, x: Tensor, state: State, lengths: Tensor | None = None) -> bool:
    """Whether a native kernel takes this call; `why_not` says why one does not."""
    return why_not(cell, x, state, lengths) is None


def find(
    cell: KernelCell, x: Tensor, state: State, lengths: Tensor | None = None
) -> Callable | None:
    """The function (cell, x, state, lengths) -> (outputs, state), or None for the reference."""
    if why_not(cell, x, state, lengths) is None:
        return run
    if switched_off():
        return None
    if bindings.missing and cell.kernel_name not in (None, "linear") and x.device.type == "cpu":
        warn_once()  # "linear" is computed by torch in any case
    if fused_torch.why_not(cell, x) is None:
        return fused_torch.run_fused
    if linear_scan.why_not(cell, x) is None:
        return linear_scan.run
    return None


def find_both(
    cells: Sequence[KernelCell], x: Tensor, states: Sequence[State], lengths: Tensor | None = None
) -> Callable | None:
    """As `find`, for the two directions of a layer at the same time: `run_both`, or None."""
    if cells[0].kernel_name != cells[1].kernel_name or cells[0].sizes != cells[1].sizes:
        return None
    ready = all(
        why_not(cell, x, state, lengths) is None for cell, state in zip(cells, states, strict=True)
    )
    return run_both if ready else None


def one_step(
    owner: nn.Module,
    cells: Sequence[KernelCell],
    x: Tensor,
    state: tuple[State, ...],
    *,
    residual: bool = False,
) -> tuple[Tensor, tuple[State, ...]] | None:
    """One time step of stacked layers in one call, without gradients.

    Args:
        owner: the module that the packed weights are stored for
        cells: one for each layer
        x: [B, D]
        state: of each layer
        residual: each layer but the first adds its inputs to its outputs

    Returns:
        The output [B, H] of the last layer and the new state; None if this call is not for it.
    """
    if switched_off():
        return None
    return streaming.one_step(owner, cells, x, state, residual=residual)


def warn_once() -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"ostinato runs its slower loops: {status()['reason']}. Install a C++ compiler "
            "and install ostinato again, or set OSTINATO_KERNELS=off to silence this.",
            stacklevel=4,
        )
