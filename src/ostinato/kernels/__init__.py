"""Compiled kernels: the cells' loops over time in C++.

`usable` says when, `disabled()` switches it off, and `status()` tells why not."""

import ostinato.kernels.sequence.custom_operators  # noqa: F401  (registers them)
from ostinato.kernels.availability import disabled
from ostinato.kernels.cross_entropy import linear_cross_entropy
from ostinato.kernels.dispatch import find, find_both, one_step, status, usable
from ostinato.kernels.linear_layer import linear
from ostinato.kernels.steps.streaming import weights_as

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
