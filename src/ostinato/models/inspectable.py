"""The interface that inspection needs of a model: recurrent layers, their steps, and the loss."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.layers.recurrent import Recurrent
from ostinato.models.loss import Loss

INPUTS, TARGETS, CHARACTERS = "inputs", "targets", "characters"


class RecurrentPart(NamedTuple):
    """A recurrent layer, or stack of layers, of a model.

    Attributes:
        name: Such as "encoder".
        module: A Recurrent, or torch.nn's RNN, GRU or LSTM.
        reads: What its steps are: the batch's "inputs", its "targets" (a decoder reads the target
            before the one that it predicts), or the "characters" of words.
        stride: How many inputs lie between one step and the next: 4 after subsampling by 4.
    """

    name: str
    module: nn.Module
    reads: str = INPUTS
    stride: int = 1


@runtime_checkable
class Inspectable(Protocol):
    """A model that can be inspected; its network finds the way from a batch to the layers' inputs.

    A model needs nothing more than this for every view of `ostinato inspect`: the layers' inputs,
    gates and states are recorded while `loss` runs.
    """

    def recurrent_parts(self) -> list[RecurrentPart]:
        """The recurrent layers, in the order in which a batch passes through them."""
        ...

    def own_targets(self, batch: Batch) -> Tensor:
        """The model's own answer as targets, for a batch that has none."""
        ...

    def step_scores(self, batch: Batch) -> Tensor:
        """The log-probability of each target [B, U], zero where there is none; with its graph.

        A model of numbers without a density gives its predictions themselves, and says so in an
        attribute `score_name`.
        """
        ...

    def loss(self, batch: Batch) -> Loss:
        """The loss with which the model is trained."""
        ...


def score_targets(logits: Tensor, targets: Tensor) -> Tensor:
    """Logits [B, U, K] and class ids [B, U] -> log p of each [B, U], zero where the id is -100."""
    losses = functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="none"
    )
    return -losses.view(targets.shape)


def name_parts(module: nn.Module, reads: str = INPUTS) -> list[RecurrentPart]:
    """Every recurrent layer inside a module, under its name there."""
    return [
        RecurrentPart(name or "recurrent", found, reads)
        for name, found in module.named_modules()
        if is_recurrent(found)
    ]


def is_recurrent(module: nn.Module) -> bool:
    """Whether a module is a Recurrent, or one of torch.nn's RNN, GRU and LSTM."""
    return isinstance(module, Recurrent | nn.RNNBase)


def mask_padding(targets: Tensor, lengths: Tensor) -> Tensor:
    """Class ids [B, T] with -100 beyond each length [B]."""
    steps = torch.arange(targets.shape[1], device=targets.device)
    return targets.masked_fill(steps >= lengths.to(targets.device)[:, None], IGNORE)
