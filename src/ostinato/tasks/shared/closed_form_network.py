"""The protocol of closed-form models with the interface of a network."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from torch import nn


@runtime_checkable
class ClosedFormNetwork(Protocol):
    """A model whose parameters come from a solver instead of gradient steps."""

    def put(self, *parameters: np.ndarray) -> None:
        """Copies the result of the solver into the parameters."""
        ...


def put_parameters(network: nn.Module, *parameters: np.ndarray) -> None:
    """Copies the result of a solver into a closed-form model."""
    if not isinstance(network, ClosedFormNetwork):
        raise TypeError(f"a {type(network).__name__} is not a closed-form model")
    network.put(*parameters)
