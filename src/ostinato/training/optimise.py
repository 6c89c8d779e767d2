"""From options to an optimizer."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ostinato.errors import InputError
from ostinato.layers.embedding import Embedding
from ostinato.training.adam import Adam
from ostinato.training.averaged_sgd import AveragedSGD
from ostinato.training.options import Options

__all__ = ["Options", "Together", "build_optimizer"]

# 10 million parameters on two cores: Adam 36 -> 6 ms a step, Adagrad 9 -> 4 ms; SGD gains nothing
FUSED = {
    "cpu": (torch.optim.Adam, torch.optim.AdamW, torch.optim.Adagrad),
    "cuda": (torch.optim.Adam, torch.optim.AdamW),
}


class Together(torch.optim.Optimizer):
    """Several optimizers that step as one, each with its own parameters."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts
        super().__init__(
            [group for part in parts for group in part.param_groups], {}
        )  # the same groups, not copies

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for part in self.parts:
            part.step()


def build_optimizer(model: nn.Module, options: Options) -> torch.optim.Optimizer:
    """The optimizer of the options over the model's trainable parameters.

    Weights decay, biases (and whatever else has less than two dimensions) do not. Embeddings with sparse gradients
    work with sgd (without momentum or weight decay), adagrad and sparse-adam (adam for all other parameters).
    Embeddings that may go by rows do so with adam (training.adam).

    Raises InputError for a combination that torch cannot do, and for a model without trainable parameters."""
    sparse = {id(module.weight) for module in model.modules() if getattr(module, "sparse", False)}
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trainable:
        raise InputError("nothing to train: all of the model's parameters are frozen")
    rows = [parameter for parameter in trainable if id(parameter) in sparse]
    dense = [parameter for parameter in trainable if id(parameter) not in sparse]
    if rows:
        _check_sparse(options)
        if not torch.sparse.check_sparse_tensor_invariants.is_enabled():
            torch.sparse.check_sparse_tensor_invariants.disable()  # torch's default; said aloud, it warns of it no more
    if options.optimizer == "sparse-adam" and rows:
        rows_alone = torch.optim.SparseAdam(
            rows, lr=options.initial_rate, betas=(options.beta1, options.beta2), eps=options.epsilon
        )
        return Together(_build(dense, [], options), rows_alone) if dense else rows_alone
    if options.optimizer == "adam" and not options.decay:
        tables = [
            module
            for module in model.modules()
            if isinstance(module, Embedding) and module.can_go_by_rows()
        ]
        if tables:
            return _by_rows(dense, tables, options)
    return _build(dense, rows, options)


def _by_rows(dense: list[nn.Parameter], tables: list[Embedding], options: Options) -> Adam:
    """One Adam, the tables' group last."""
    weights = {id(module.weight): module.weight for module in tables}
    groups = _groups(
        [parameter for parameter in dense if id(parameter) not in weights],
        list(weights.values()),
        options,
        fused=True,
    )
    return Adam(
        groups,
        lr=options.initial_rate,
        tables=tables,
        betas=(options.beta1, options.beta2),
        eps=options.epsilon,
    )


def _build(
    dense: list[nn.Parameter], rows: list[nn.Parameter], options: Options
) -> torch.optim.Optimizer:
    """One torch optimizer: weights that decay, weights that do not, and those with sparse gradients."""
    kind, arguments = _kind(options)
    groups = _groups(
        dense, rows, options, fused=kind in FUSED.get((dense + rows)[0].device.type, ())
    )
    return kind(groups, lr=options.initial_rate, **arguments)


def _groups(
    dense: list[nn.Parameter], rows: list[nn.Parameter], options: Options, *, fused: bool
) -> list[dict[str, Any]]:
    fused = {"fused": True} if fused else {}
    groups = [
        {
            "params": [parameter for parameter in dense if parameter.dim() > 1],
            "weight_decay": options.decay,
            **fused,
        },
        {
            "params": [parameter for parameter in dense if parameter.dim() < 2],
            "weight_decay": 0.0,
            **fused,
        },
        {"params": rows, "weight_decay": 0.0},  # fused kernels take no sparse gradients
    ]
    return [group for group in groups if group["params"]]


def _kind(options: Options) -> tuple[type[torch.optim.Optimizer], dict[str, Any]]:
    """The class, and those of the options that it knows."""
    momentum, epsilon = {"momentum": options.momentum}, {"eps": options.epsilon}
    betas = {"betas": (options.beta1, options.beta2)}
    return {
        "sgd": (torch.optim.SGD, momentum),
        "adam": (torch.optim.Adam, betas | epsilon),
        "adamw": (torch.optim.AdamW, betas | epsilon),
        "sparse-adam": (torch.optim.Adam, betas | epsilon),
        "adagrad": (torch.optim.Adagrad, epsilon),
        "rmsprop": (torch.optim.RMSprop, momentum | epsilon),
        "adadelta": (torch.optim.Adadelta, epsilon),
        "asgd": (AveragedSGD, {}),
    }[options.optimizer]


def _check_sparse(options: Options) -> None:
    if options.optimizer not in ("sgd", "adagrad", "sparse-adam"):
        raise InputError(
            f"--optimizer {options.optimizer} cannot take the sparse gradients of the embeddings; "
            "use sgd, adagrad or sparse-adam"
        )
    if options.optimizer == "sgd" and options.momentum:
        raise InputError(
            f"--momentum {options.momentum:g} does not go with sparse gradients of the embeddings; use 0"
        )
