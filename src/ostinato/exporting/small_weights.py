"""A network with the weights that int8 weights stand for."""

from __future__ import annotations

import copy

import torch
from torch import nn

from ostinato.exporting.program import dequantise, quantise


def with_small_weights(network: nn.Module) -> nn.Module:
    """A copy whose matrices are rounded as `quantise` rounds them, row by row."""
    small = copy.deepcopy(network)
    with torch.no_grad():
        for name, parameter in small.named_parameters():
            value = parameter.detach().cpu().numpy()
            parameter.copy_(torch.from_numpy(dequantise(*quantise({name: value}))[name]))
    return small
