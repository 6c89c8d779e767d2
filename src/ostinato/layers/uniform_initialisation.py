"""Uniform initialisation of all parameters except those of layer norms."""

from __future__ import annotations

from torch import nn


def initialise_uniform(network: nn.Module, reach: float) -> None:
    """Draws every parameter uniformly from [-bound, bound], in place.

    Layer norms keep gain 1 and shift 0.
    """
    normed = {
        parameter
        for module in network.modules()
        if isinstance(module, nn.LayerNorm)
        for parameter in module.parameters()
    }
    for parameter in network.parameters():
        if parameter not in normed:
            nn.init.uniform_(parameter, -reach, reach)
