"""An optimizer's state as named tensors and numbers, as a checkpoint holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ostinato.errors import InputError, option_name
from ostinato.training import lazy_adam


def _members(optimizer: torch.optim.Optimizer) -> list[torch.optim.Optimizer]:
    """The optimizers of an OptimizerGroup; mostly the optimizer itself alone."""
    return list(getattr(optimizer, "members", [optimizer]))


def collect_optimizer_state(
    model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The optimizer's tensors as "name of the parameter:name of the tensor", and its numbers under
    the same names.

    (No parameter's name begins with a dot: such names are not the optimizer's.)"""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    tensors: dict[str, Tensor] = {}
    values: dict[str, Any] = {}
    for member in _members(optimizer):
        lazy_adam.synchronise(member)
        for parameter, entries in member.state.items():
            for key, value in entries.items():
                name = f"{names[id(parameter)]}:{key}"
                if isinstance(value, Tensor):
                    tensors[name] = value
                else:
                    values[name] = value
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    return tensors, {"kind": _kind(optimizer), "values": values, "learning_rates": rates}


def _kind(optimizer: torch.optim.Optimizer) -> str:
    """The class names of the optimizers, with which a checkpoint can be loaded."""
    return " and ".join(
        getattr(member, "checkpoint_name", type(member).__name__) for member in _members(optimizer)
    )


def restore_optimizer(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    tensors: dict[str, Tensor],
    saved: dict[str, Any],
    where: Path,
) -> None:
    """Puts back what `collect_optimizer_state` gave.

    Args:
        model: whose parameters the optimizer has
        optimizer: of the same kind
        tensors: by name
        saved: the numbers
        where: what an error names

    Raises:
        InputError: the state is that of another kind of optimizer.
    """
    if saved["kind"] != _kind(optimizer):
        raise InputError(
            f"{where}: its {option_name('optimizer')} is {saved['kind']}, this run's is "
            f"{_kind(optimizer)}; "
            "resume with the same one"
        )
    entries: dict[str, dict[str, Any]] = {}
    for name, value in [*tensors.items(), *saved["values"].items()]:
        parameter, _, key = name.rpartition(":")
        entries.setdefault(parameter, {})[key] = value
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for member in _members(optimizer):
        parameters = [parameter for group in member.param_groups for parameter in group["params"]]
        state = {
            i: entries[names[id(p)]] for i, p in enumerate(parameters) if names[id(p)] in entries
        }
        own_groups = member.state_dict()["param_groups"]
        member.load_state_dict({"state": state, "param_groups": own_groups})
    # load_state_dict has replaced them: an OptimizerGroup shares those of its members again
    groups = [group for member in _members(optimizer) for group in member.param_groups]
    optimizer.param_groups = groups
    for group, rate in zip(groups, saved["learning_rates"], strict=True):
        group["lr"] = rate
