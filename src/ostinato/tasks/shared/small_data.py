"""Defaults for small data sets: random crops of the examples, and an ensemble of networks
(`members`).
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from torch import Tensor

Steps = TypeVar("Steps", np.ndarray, list, Tensor)

# with fewer sequences, training uses random crops, so that the network does not memorise them
FEW_SEQUENCES = 500
LEAST_PART = 0.5  # the smallest share of the steps in a crop
FEW_STEPS = 20_000  # with at most this many steps in total, several networks train fast enough
MEMBERS = 4
# poolings whose result does not depend on where in the sequence the relevant steps are
POSITION_FREE_POOLINGS = ("mean", "max", "attention", "ensemble")


def random_part(steps: Steps, seed: int, least: float) -> Steps:
    """A random crop: a contiguous part of a series [T, ...] or of a text's tokens.

    Args:
        steps: The whole sequence.
        seed: Seed of the random position and length.
        least: Smallest share of the steps; above 1, the exact number of steps.
    """
    random = np.random.default_rng(seed)
    if least > 1:
        length = min(len(steps), int(least))
    else:
        length = max(1, round(len(steps) * random.uniform(least, 1)))
    start = random.integers(0, len(steps) - length + 1)
    return steps[start : start + length]
