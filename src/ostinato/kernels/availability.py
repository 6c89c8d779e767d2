"""Availability of compiled code for a call: switched on, built, plain float32 CPU tensors."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch
from torch import Tensor

from ostinato.kernels import bindings

_off = 0  # how many `disabled()` blocks are open


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
    """Why the kernels are switched off, in words, or None if they are not."""
    if _off:
        return "inside kernels.disabled()"
    if os.environ.get("OSTINATO_KERNELS", "").lower() in ("off", "0", "no", "false"):
        return "OSTINATO_KERNELS=off"
    return None


def why_not(*tensors: Tensor | None) -> str | None:
    """Why the compiled part does not take a call of these tensors, in words, or None if it does.

    Autocast is no reason: what comes in float32 is computed in float32 by all but products.
    """
    if switched_off() or bindings.missing:
        return switched_off() or bindings.missing
    if bindings.operations_are_recorded() or torch.jit.is_tracing():
        return "the call is compiled or traced"
    if torch._C._functorch.peek_interpreter_stack() is not None:
        return "a torch.func transform is active"
    return bindings.why_unsupported(*tensors)


def usable(*tensors: Tensor | None) -> bool:
    return why_not(*tensors) is None
