"""Which kernel takes a call, and why not; and how it is called."""

from __future__ import annotations

import contextlib
import copy
import functools
import operator
import os
import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from ostinato.kernels import fused_torch, linear_scan, native, recurrence
from ostinato.kernels.autograd import Plan, Reference, Run, flat, in_parts
from ostinato.kernels.formulas import FORMULAS, Formula
from ostinato.kernels.recurrence import Direction, Drops, Weights

EPSILON = 1e-5  # of the normalisations that native/layer_norm.h computes

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
    formula = FORMULAS.get(cell.formula)
    if formula is None:
        return f"there is no kernel for {type(cell).__name__}"
    linears = [cell.from_input, cell.from_hidden] + ([cell.to_output] if formula.middle is not None else [])
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
        if type(norm) is not nn.LayerNorm or hooked(norm) or norm.eps != EPSILON or norm.bias is None:
            return "its normalisations are not plain nn.LayerNorm"
    return None


def not_these_tensors(cell, x: Tensor, state: tuple[Tensor, ...]) -> str | None:
    weights, formula = weights_of(cell), FORMULAS[cell.formula]
    (rows, output), size = weights.from_hidden.shape, cell.hidden_size
    mask = getattr(cell.from_hidden, "mask", None)
    tensors = [tensor for tensor in (x, *state, *weights[:5], *weights.own, mask) if tensor is not None]
    if any(tensor.device.type != "cpu" or tensor.layout != torch.strided for tensor in tensors):
        return "the tensors are not plain CPU tensors"
    if any(tensor.dtype != torch.float32 for tensor in tensors):
        return "the tensors are not float32"
    sizes = (output, size) if formula.memory else (output,)
    if x.dim() != 3 or 0 in x.shape or [part.shape for part in state] != [(x.shape[0], width) for width in sizes]:
        return "there is nothing to run"
    fits = rows == formula.gates * size and cell.from_input.weight.shape == (rows, x.shape[2])
    fits = fits and (output == size if weights.to_output is None else weights.to_output.shape == (output, size))
    if not fits or (mask is not None and mask.shape != state[0].shape):
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
    into, back, formula = cell.from_input, cell.from_hidden, FORMULAS[cell.formula]
    to_output = None if formula.middle is None else cell.to_output.weight
    own = tuple(operator.attrgetter(name)(cell) for name in formula.own)
    return Weights(into.weight, back.weight, into.bias, back.bias, to_output, own)


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


def find_both(cells, x: Tensor, states, lengths: Tensor | None = None) -> Callable | None:
    """As `find`, for the two directions of a layer at the same time: `run_both`, or None."""
    if cells[0].formula != cells[1].formula or cells[0].sizes != cells[1].sizes:
        return None
    ready = all(why_not(cell, x, state, lengths) is None for cell, state in zip(cells, states, strict=True))
    return run_both if ready else None


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
    outputs, (last,) = run_all([cell], x, [state], lengths, [reverse])
    return outputs, last


def run_both(cells, x: Tensor, states, lengths: Tensor | None = None) -> tuple[Tensor, list[tuple[Tensor, ...]]]:
    """The first cell forward and the second backward in time, each by one half of the threads: (outputs [B, T, 2 O]
    side by side, the two last states)."""
    return run_all(cells, x, states, lengths, [False, True])


def run_all(cells, x: Tensor, states, lengths: Tensor | None, reverse: list[bool]):
    """(outputs side by side, last states) of one direction or two."""
    formula = FORMULAS[cells[0].formula]
    weights = [weights_of(cell) for cell in cells]
    # before anything is drawn: a second derivative must draw the same again
    random = torch.get_rng_state() if any(cell.zoneout and cell.training for cell in cells) else None
    drops = [drops_of(cell, x, state) for cell, state in zip(cells, states, strict=True)]
    if formula.given:
        inputs = [cell.project(x).contiguous() for cell in cells]
        weights = [each._replace(from_input=None, input_bias=None) for each in weights]
    else:
        inputs = [x.contiguous()] * len(cells)
    parts = list(zip(inputs, states, weights, drops, reverse, strict=True))
    tensors = [tensor for each in parts for tensor in (*flat(*each[:3]), each[3].mask) if tensor is not None]
    training = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    if torch.compiler.is_compiling() or isinstance(x, FakeTensor):
        return in_graph(formula, parts, lengths, training)
    if training:
        plans = tuple(
            Plan(formula.name, lengths, each[4], each[3], reference_of(cell, lengths, each[4], random))
            for cell, each in zip(cells, parts, strict=True)
        )
        outputs, *last = Run.apply(plans, *(tensor for each in parts for tensor in flat(*each[:3])))
        return outputs, [tuple(state) for state in in_parts(last, len(cells))]
    directions = [
        Direction(x, state, weights, native.arrange(*x.shape[:2], lengths, reverse=back), drops)
        for x, state, weights, drops, back in parts
    ]
    return recurrence.forward(formula, directions, training=False)[:2]


def drops_of(cell, x: Tensor, state: tuple[Tensor, ...]) -> Drops:
    """Zoneout draws what the reference draws, in its order: for each step, for each part of the state, for each row."""
    mask = getattr(cell.from_hidden, "mask", None)
    if not cell.zoneout:
        return Drops(mask)
    noise = torch.rand(x.shape[1], sum(part.numel() for part in state)) if cell.training else None
    return Drops(mask, torch.tensor((*cell.zoneout, 0.0)[:2]), noise)


def reference_of(cell, lengths: Tensor | None, reverse: bool, random: Tensor | None) -> Reference:
    """The same call by the reference, from the same random numbers, for second derivatives."""

    def reference(x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        again = copy.copy(cell)
        if FORMULAS[cell.formula].given:
            again.project = lambda projected: projected
        with disabled(), torch.random.fork_rng(devices=[], enabled=random is not None):
            if random is not None:
                torch.set_rng_state(random)
            outputs, last = again.run(recurrence.reverse(x, lengths) if reverse else x, state, lengths)
        return recurrence.reverse(outputs, lengths) if reverse else outputs, last

    return reference


def in_graph(formula: Formula, parts, lengths: Tensor | None, training: bool):
    """As an operator: in a program that is compiled or exported."""
    every, last = [], []
    for x, state, weights, drops, back in parts:
        own = recurrence.own_of(weights)
        outputs, *after = torch.ops.ostinato.recurrence(
            formula.name, *flat(x, state, weights._replace(own=()))[:8], own, lengths, back, training, *drops
        )[: 1 + len(state)]
        every.append(outputs)
        last.append(tuple(after))
    return every[0] if len(every) == 1 else torch.cat(every, dim=-1), last
