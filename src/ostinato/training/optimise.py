"""Building the optimizer that the training options describe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ostinato.errors import InputError, option_name
from ostinato.layers.embedding import Embedding
from ostinato.training.averaged_sgd import AveragedSGD
from ostinato.training.layer_rates import set_layer_rates
from ostinato.training.lazy_adam import LazyAdam, find_tables
from ostinato.training.options import Options

# 10 million parameters on two cores: Adam 36 -> 6 ms a step, Adagrad 9 -> 4 ms; SGD gains nothing
FUSED = {
    "cpu": (torch.optim.Adam, torch.optim.AdamW, torch.optim.Adagrad),
    "cuda": (torch.optim.Adam, torch.optim.AdamW),
}


class OptimizerGroup(torch.optim.Optimizer):
    """Several optimizers that step as one, each with its own parameters."""

    def __init__(self, *members: torch.optim.Optimizer) -> None:
        self.members = members
        # the members' own groups, not copies: a learning rate set here is theirs
        super().__init__([group for member in members for group in member.param_groups], {})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no loss is returned
        for member in self.members:
            member.step()


def build_optimizer(model: nn.Module, options: Options) -> torch.optim.Optimizer:
    """As `build_plain`, with a rate for each layer where the options say so.

    Raises:
        InputError: as `build_plain`.
    """
    optimizer = build_plain(model, options)
    if options.layer_rate != 1 or options.unfreeze_every is not None:
        set_layer_rates(
            optimizer, model, factor=options.layer_rate, unfreeze_every=options.unfreeze_every
        )
    return optimizer


def build_plain(model: nn.Module, options: Options) -> torch.optim.Optimizer:
    """The optimizer of the options over the model's trainable parameters.

    Weights decay, biases (and whatever else has less than two dimensions) do not. Embeddings with
    sparse gradients work with sgd (without momentum or weight decay), adagrad and sparse-adam (adam
    for all other parameters). Large embeddings that allow it are updated lazily by adam
    (lazy_adam).

    Raises:
        InputError: a combination that torch does not support, or no trainable parameters.
    """
    modules = list(model.modules())
    sparse_ids = {id(module.weight) for module in modules if getattr(module, "sparse", False)}
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trainable:
        raise InputError("nothing to train: all of the model's parameters are frozen")
    sparse = [parameter for parameter in trainable if id(parameter) in sparse_ids]
    dense = [parameter for parameter in trainable if id(parameter) not in sparse_ids]
    if sparse:
        _check_sparse(options)
        if not torch.sparse.check_sparse_tensor_invariants.is_enabled():
            # this is torch's default; set explicitly, it no longer warns
            torch.sparse.check_sparse_tensor_invariants.disable()
    if options.optimizer == "sparse-adam" and sparse:
        betas = (options.beta1, options.beta2)
        embeddings = torch.optim.SparseAdam(
            sparse, lr=options.initial_rate, betas=betas, eps=options.epsilon
        )
        return OptimizerGroup(_build(dense, [], options), embeddings) if dense else embeddings
    if options.optimizer == "adam" and not options.decay:
        tables = find_tables(model)
        if tables:
            return _build_lazy_adam(dense, tables, options)
    return _build(dense, sparse, options)


def _build_lazy_adam(
    dense: list[nn.Parameter], tables: list[Embedding], options: Options
) -> LazyAdam:
    """One Adam, the tables' group last."""
    weights = list({module.weight: None for module in tables})
    ids = {id(weight) for weight in weights}
    groups = _groups(
        [parameter for parameter in dense if id(parameter) not in ids],
        weights,
        options,
        fused=True,
    )
    return LazyAdam(
        groups,
        lr=options.initial_rate,
        tables=tables,
        betas=(options.beta1, options.beta2),
        eps=options.epsilon,
    )


def _build(
    dense: list[nn.Parameter], sparse: list[nn.Parameter], options: Options
) -> torch.optim.Optimizer:
    """One torch optimizer: weights that decay, weights that do not, and sparse gradients."""
    kind, arguments = _kind(options)
    device = (dense + sparse)[0].device.type
    groups = _groups(dense, sparse, options, fused=kind in FUSED.get(device, ()))
    return kind(groups, lr=options.initial_rate, **arguments)


def _groups(
    dense: Sequence[Tensor], sparse: Sequence[Tensor], options: Options, *, fused: bool
) -> list[dict[str, Any]]:
    """The groups of parameters, without empty ones."""
    implementation = {"fused": True} if fused else {}
    groups: list[dict[str, Any]] = [
        {
            "params": [parameter for parameter in dense if parameter.dim() > 1],
            "weight_decay": options.decay,
            **implementation,
        },
        {
            "params": [parameter for parameter in dense if parameter.dim() < 2],
            "weight_decay": 0.0,
            **implementation,
        },
        {"params": sparse, "weight_decay": 0.0},  # fused kernels take no sparse gradients
    ]
    return [group for group in groups if group["params"]]


def _kind(options: Options) -> tuple[Callable[..., torch.optim.Optimizer], dict[str, Any]]:
    """The class, and its arguments besides the learning rate."""
    momentum, epsilon = {"momentum": options.momentum}, {"eps": options.epsilon}
    betas = {"betas": (options.beta1, options.beta2)}
    kinds: dict[str, tuple[Callable[..., torch.optim.Optimizer], dict[str, Any]]] = {
        "sgd": (torch.optim.SGD, momentum),
        "adam": (torch.optim.Adam, betas | epsilon),
        "adamw": (torch.optim.AdamW, betas | epsilon),
        "sparse-adam": (torch.optim.Adam, betas | epsilon),
        "adagrad": (torch.optim.Adagrad, epsilon),
        "rmsprop": (torch.optim.RMSprop, momentum | epsilon),
        "adadelta": (torch.optim.Adadelta, epsilon),
        "asgd": (AveragedSGD, {}),
    }
    return kinds[options.optimizer]


def _check_sparse(options: Options) -> None:
    if options.optimizer not in ("sgd", "adagrad", "sparse-adam"):
        raise InputError(
            f"{option_name('optimizer')} {options.optimizer} cannot take the sparse gradients "
            "of the embeddings; "
            "use sgd, adagrad or sparse-adam"
        )
    if options.optimizer == "sgd" and options.momentum:
        raise InputError(
            f"{option_name('momentum')} {options.momentum:g} does not go with sparse gradients "
            "of the embeddings; "
            "use 0"
        )
