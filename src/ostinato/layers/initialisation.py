"""What weights are before anything is learned, where the layers' own ranges are not wanted."""

from __future__ import annotations

from torch import nn


def initialise_uniform(network: nn.Module, reach: float) -> None:
    """Every parameter uniform in plus or minus `reach`, but for those of layer norms, whose gain stays one and whose shift zero."""
    normed = {
        parameter
        for module in network.modules()
        if isinstance(module, nn.LayerNorm)
        for parameter in module.parameters()
    }
    for parameter in network.parameters():
        if parameter not in normed:
            nn.init.uniform_(parameter, -reach, reach)
