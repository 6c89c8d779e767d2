"""The same as the cells' loops, faster. `usable` says when, `disabled()` switches it off, `status()` tells why not."""

import ostinato.kernels.operators  # noqa: F401  (registers them)
from ostinato.kernels.cross_entropy import linear_cross_entropy
from ostinato.kernels.lookup import disabled, find, find_backward, find_both, status, usable

__all__ = ["disabled", "find", "find_backward", "find_both", "linear_cross_entropy", "status", "usable"]
