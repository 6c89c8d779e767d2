"""The same as the cells' loops, faster. `usable` says when, `disabled()` switches it off, `status()` tells why not."""

import ostinato.kernels.operators  # noqa: F401  (registers them)
from ostinato.kernels.cross_entropy import linear_cross_entropy
from ostinato.kernels.linear_layer import linear
from ostinato.kernels.lookup import find, find_both, one_step, status, usable
from ostinato.kernels.streaming import weights_as
from ostinato.kernels.switch import disabled

__all__ = [
    "disabled",
    "find",
    "find_both",
    "linear",
    "linear_cross_entropy",
    "one_step",
    "status",
    "usable",
    "weights_as",
]
