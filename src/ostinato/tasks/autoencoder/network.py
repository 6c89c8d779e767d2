"""The networks that encode and reconstruct."""

from __future__ import annotations

import torch
from torch import nn

from ostinato.models.autoencoder import (
    Autoencoder,
    DeepAutoencoder,
    LinearAutoencoder,
    RecurrentAutoencoder,
)
from ostinato.tasks.autoencoder.options import AutoencoderOptions
from ostinato.tasks.autoencoder.preprocessing import AutoencoderPreprocessing


def build_network(
    options: AutoencoderOptions, preprocessing: AutoencoderPreprocessing
) -> Autoencoder:
    """A new network for inputs [B, T, D] and codes [B, K]."""
    size, code = preprocessing.size, options.code_size
    if options.closed_form:
        return LinearAutoencoder(size, code)
    if options.model == "deep":
        return DeepAutoencoder(size, [options.hidden_size] * options.layers, code)
    return RecurrentAutoencoder(
        options.cell_type,
        size,
        options.hidden_size,
        code,
        layers=options.layers,
        dropout=options.dropout,
    )


def initialise(
    network: nn.Module, options: AutoencoderOptions, preprocessing: AutoencoderPreprocessing
) -> None:
    """Sets the fitted weights [K, D] of a linear autoencoder or of principal components."""
    if isinstance(network, LinearAutoencoder) and preprocessing.weight is not None:
        with torch.no_grad():
            network.weight.copy_(torch.from_numpy(preprocessing.weight))
