"""Models that are fitted without gradient steps: a module whose buffers are what was fitted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn


class FittedModule(nn.Module):
    """A module with a buffer for each part of a fit, so that a run saves it as any network.

    Args:
        names: The parts.
        shapes: The shape of each.
    """

    def __init__(self, names: Sequence[str], shapes: Sequence[Sequence[int]]):
        super().__init__()
        self.names = tuple(names)
        for name, shape in zip(names, shapes, strict=True):
            self.register_buffer(name, torch.zeros(tuple(shape)))

    def put(self, *parts: np.ndarray) -> None:
        """Copies the parts into the buffers, in the order of their names."""
        for name, part in zip(self.names, parts, strict=True):
            getattr(self, name).copy_(torch.as_tensor(part))
