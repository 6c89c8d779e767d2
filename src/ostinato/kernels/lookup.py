"""Which kernel takes a call, and whether any is wanted at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

from ostinato.kernels import fused_torch

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
    """Why no kernel is wanted just now, or None."""
    if _off:
        return "inside kernels.disabled()"
    if os.environ.get("OSTINATO_KERNELS", "").lower() in ("off", "0", "no", "false"):
        return "OSTINATO_KERNELS=off"
    return None


def find(cell, x, state, lengths) -> Callable | None:
    """The function (cell, x, state, lengths) -> (outputs, state) that takes this call, or None for the reference."""
    if switched_off() is None and fused_torch.why_not(cell, x) is None:
        return fused_torch.run
    return None


def usable(cell, x, state, lengths) -> bool:
    return find(cell, x, state, lengths) is not None


def status() -> dict:
    return {"active": False, "reason": switched_off() or "not built"}
