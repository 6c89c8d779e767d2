"""Whether a call outside the recurrence may be the compiled part's: ordinary float32 tensors, computed now."""

from __future__ import annotations

import torch
from torch import Tensor

from ostinato.kernels import native
from ostinato.kernels.switch import switched_off


def why_not(*tensors: Tensor | None) -> str | None:
    """Why the compiled part does not take a call of these, in words, or None if it does."""
    if switched_off() or native.missing:
        return switched_off() or native.missing
    if native.watched() or torch.jit.is_tracing() or torch._C._is_any_autocast_enabled():
        return "the call is compiled, traced, or under autocast"
    if torch._C._functorch.peek_interpreter_stack() is not None:
        return "a transform is at work"
    return native.unreadable(*tensors)


def usable(*tensors: Tensor | None) -> bool:
    return why_not(*tensors) is None
