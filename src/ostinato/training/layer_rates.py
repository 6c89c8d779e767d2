"""Layer-wise learning rates: freezing, lower rates for lower layers, gradual unfreezing.

    freeze(network, "encoder,decoder.embedding")
    optimizer = set_layer_rates(optimizer, network, factor=0.4, unfreeze_every=1.0)

Source: Howard and Ruder, Universal language model fine-tuning for text classification, 2018,
sections 3.2 (discriminative fine-tuning) and 3.3 (gradual unfreezing)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ostinato.errors import InputError, option_name
from ostinato.layers.recurrent import Recurrent


def freeze(network: nn.Module, prefixes: str) -> None:
    """The parameters whose names begin so are not trained.

    Args:
        network: that is trained
        prefixes: of the parameters' names, up to a dot, separated by commas: "encoder,output"

    Raises:
        InputError: nothing is called so.
    """
    names = [name for name, _ in network.named_parameters()]
    for prefix in (part.strip() for part in prefixes.split(",")):
        if not any(begins(name, prefix) for name in names):
            known = sorted({name.split(".")[0] for name in names})
            raise InputError(
                f"{option_name('freeze')}: no parameters called {prefix!r:.60}; the network has "
                f"{', '.join(known)}"
            )
        for name, parameter in network.named_parameters():
            if begins(name, prefix):
                parameter.requires_grad_(False)


def begins(name: str, prefix: str) -> bool:
    """begins("encoder.embedding.weight", "encoder") -> True"""
    return name == prefix or name.startswith(f"{prefix}.")


def find_depths(network: nn.Module) -> dict[str, int]:
    """How many layers each parameter is below the output; parameters of one layer have one depth.

    {"embedding.weight": 2, "recurrent.cells.0...": 1, "output.weight": 0}

    A layer of a recurrent network, both directions together, is one; so is what was built between
    two of these. Embeddings and what reads characters count to the bottom."""
    directions = {
        name: module.directions
        for name, module in network.named_modules()
        if isinstance(module, Recurrent)
    }
    units: list[str] = []
    of: dict[str, str] = {}
    for name, _ in network.named_parameters():
        of[name] = unit = find_unit(name, directions, units[-1] if units else "bottom")
        if unit not in units:
            units.append(unit)
    if "bottom" in units:
        units.remove("bottom")
        units.insert(0, "bottom")
    return {name: len(units) - 1 - units.index(unit) for name, unit in of.items()}


def find_unit(name: str, directions: dict[str, int], last: str) -> str:
    """What a parameter belongs to; `last` is the unit of the one before it."""
    if "speller" in name:
        return "bottom"
    for path, number in directions.items():
        start = f"{path}.cells." if path else "cells."
        if name.startswith(start):
            cell = int(name[len(start) :].split(".")[0])
            return f"{path} layer {cell // number}"
    return last if last == "bottom" or last.startswith("after ") else f"after {last}"


def set_layer_rates(
    optimizer: torch.optim.Optimizer,
    network: nn.Module,
    *,
    factor: float,
    unfreeze_every: float | None,
) -> None:
    """Divides the optimizer's groups by layer: each has its own factor on the learning rate, and
    the epoch from which on it is trained.

    Args:
        optimizer: that was just built
        network: whose parameters it has
        factor: by which the rate of a layer is lower than that of the layer above it
        unfreeze_every: epochs after which one more layer is trained, the output's first; None: all
            of them are from the beginning
    """
    depths = find_depths(network)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    members = list(getattr(optimizer, "members", [optimizer]))
    for member in members:
        groups: list[dict[str, Any]] = []
        for group in member.param_groups:
            by_depth: dict[int, list[nn.Parameter]] = {}
            for parameter in group["params"]:
                by_depth.setdefault(depths[names[id(parameter)]], []).append(parameter)
            for depth, parameters in sorted(by_depth.items()):
                trained_from = depth * unfreeze_every if unfreeze_every else 0.0
                more = {"rate_factor": factor**depth, "trained_from": trained_from}
                groups.append({**group, "params": parameters, **more})
        member.param_groups = groups
    optimizer.param_groups = [group for member in members for group in member.param_groups]
