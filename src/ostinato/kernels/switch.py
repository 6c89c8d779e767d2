"""Whether kernels are wanted at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

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
