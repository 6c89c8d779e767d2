"""Several trained models as one: the mean of their predicted probabilities.

Two kinds: a `StepEnsemble` averages at every time step and carries one state per model; a
`ClassifierEnsemble` averages the probabilities of whole answers. Members may be trained jointly
(each by its own loss) or beforehand (Lakshminarayanan, Pritzel and Blundell 2017).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ostinato.cells.state import State
from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.decoding.ensemble import ensemble
from ostinato.models.encoder_decoder import shift
from ostinato.models.loss import Loss, require_targets
from ostinato.models.music_heads import Sampler, target_mask


def mean_losses(losses: Sequence[Tensor], weights: Sequence[float] | None = None) -> Tensor:
    """-log of the mean over M models of p = exp(-loss), elementwise: M tensors [...] -> [...];
    with weights, which add up to 1, of the weighted mean."""
    logs = torch.stack(list(losses)).neg()
    if weights is None:
        return math.log(len(losses)) - logs.logsumexp(0)
    return -(logs + log_weights(weights, logs)).logsumexp(0)


def log_weights(weights: Sequence[float], like: Tensor) -> Tensor:
    """The logarithms of M weights for a tensor [M, ...]."""
    return like.new_tensor(weights).log().view(-1, *[1] * (like.dim() - 1))


def mean_of_losses(models: Sequence[Any], batch: Batch) -> Loss:
    """The mean of the members' own losses, for training them jointly."""
    losses = [model.loss(batch) for model in models]
    return Loss(torch.stack([each.total for each in losses]).mean(), losses[0].count)


class StepEnsemble(nn.Module):
    """Models over the same vocabulary, averaged at each step; the state is a tuple of theirs.

    Args:
        models: The models.
        weights: Of each in the mean; they add up to 1. None: all alike.
    """

    def __init__(self, models: Sequence[nn.Module], weights: Sequence[float] | None = None):
        super().__init__()
        self.models, self.weights = nn.ModuleList(models), weights

    @property
    def members(self) -> list[Any]:
        """The models, typed for calls of their own methods."""
        return list(self.models)

    def initial_state(self, given: Any) -> State:
        """Each model's initial state for `given` (a batch of sources, or the number of rows)."""
        return tuple(model.initial_state(given) for model in self.members)

    def map_members(self, method: str, state: State, *inputs: Any) -> list[Any]:
        """Calls `method(*inputs, state)` of each model with that model's part of the state."""
        return [
            getattr(model, method)(*inputs, part)
            for model, part in zip(self.members, state, strict=True)
        ]


class EncoderDecoderEnsemble(StepEnsemble):
    """Encoder-decoders over the same vocabularies, with the interface of one."""

    def __init__(self, models: Sequence[nn.Module]):
        super().__init__(models)
        self.bos, self.eos = self.members[0].bos, self.members[0].eos
        self.mean = ensemble([model.step for model in self.members])

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N] -> log p [N, V] of the next token, and the new state."""
        return self.mean(tokens, state)

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The mean of the members' losses, for training them jointly."""
        return mean_of_losses(self.members, batch)

    def log_probabilities(self, batch: Batch) -> Tensor:
        """log P(target | source) [B] under the mean of the models' next-token probabilities."""
        targets = require_targets(batch)
        given = shift(targets, self.bos)  # [B, U]
        state = self.initial_state(batch)
        total = torch.zeros(len(batch), device=batch.inputs.device)  # [B]
        for step in range(given.shape[1]):
            logits, state = self.step(given[:, step], state)  # [B, V]
            target = targets[:, step]
            taken = logits.log_softmax(-1).gather(1, target.clamp(min=0).unsqueeze(1)).squeeze(1)
            total = total + torch.where(target != IGNORE, taken, taken.new_zeros(()))
        return total

    def attention_weights(self, state: State) -> Tensor | None:
        """The first model's attention [N, S], as a representative; None without attention."""
        return self.members[0].attention_weights(state[0])


class LanguageEnsemble(StepEnsemble):
    """Language models over the same vocabulary."""

    def losses(self, tokens: Tensor, targets: Tensor, state: State) -> tuple[Tensor, State]:
        """-log p of each target [N, T], zero where it is -100, and the new state."""
        found = self.map_members("losses", state, tokens, targets)
        losses, states = zip(*found, strict=True)
        return mean_losses(losses, self.weights).masked_fill(targets == IGNORE, 0), states

    def read(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N, T] -> logits [N, V] of the next token, and the new state."""
        logits, states = zip(*self.map_members("read", state, tokens), strict=True)
        # log of the sum rather than of the mean: logits may be off by a constant
        logs = torch.stack([each.log_softmax(-1) for each in logits])
        if self.weights is not None:
            logs = logs + log_weights(self.weights, logs)
        return logs.logsumexp(0), states

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """tokens [N] -> logits [N, V] of the next token, and the new state."""
        return self.read(tokens.unsqueeze(1), state)


class MusicEnsemble(StepEnsemble):
    """Music models with the same output distribution."""

    def losses(self, batch: Batch, state: State = None) -> tuple[Tensor, State]:
        """-log p of each step's event or chord [B, T], zero in the padding, and the new state."""
        state = self.initial_state(len(batch)) if state is None else state
        losses, states = zip(*self.map_members("losses", state, batch), strict=True)
        mean = mean_losses(losses, self.weights)
        return mean * target_mask(require_targets(batch)), states

    def read(self, inputs: Tensor, lengths: Tensor | None, state: State) -> State:
        """The state after the given features [N, T, D]."""
        return tuple(self.map_members("read", state, inputs, lengths))

    def step(self, inputs: Tensor, state: State, sampler: Sampler) -> tuple[Tensor, State]:
        """Features [N, D] of the previous step -> a sample of the next step, and the new state.

        Ancestral sampling from the mixture: for each row, first a model, then that model's sample.
        """
        answers, states = zip(
            *(
                model.step(inputs, part, sampler)
                for model, part in zip(self.members, state, strict=True)
            ),
            strict=True,
        )
        rows = torch.arange(len(inputs))
        shares = inputs.new_zeros(len(inputs), len(answers))
        if self.weights is not None:
            shares = shares + inputs.new_tensor(self.weights).log()
        chosen = sampler.choose(shares, rows)  # model index [N]
        return torch.stack(answers)[chosen, rows], states


class ClassifierEnsemble(nn.Module):
    """Classifiers over the same classes."""

    def __init__(self, models: Sequence[nn.Module]):
        super().__init__()
        self.models = nn.ModuleList(models)

    @property
    def members(self) -> list[Any]:
        """The models, typed for calls of their own methods."""
        return list(self.models)

    def loss(self, batch: Batch, state: State = None) -> Loss:
        """The mean of the members' losses, for training them jointly."""
        return mean_of_losses(self.members, batch)

    def probabilities(self, batch: Batch) -> Tensor:
        """The mean of the members' probabilities, [B, C] or [B, T, C]."""
        return torch.stack([model.probabilities(batch) for model in self.members]).mean(0)


class SegmenterEnsemble(ClassifierEnsemble):
    """Segmenters over the same labels, with carried state: a tuple of the members' states."""

    def answers(self, batch: Batch, state: State = None) -> tuple[Tensor, Tensor, State]:
        """Probabilities [B, T, K], the most probable label of each step [B, T], and the state."""
        states = state or (None,) * len(self.models)
        found = [
            model.answers(batch, part) for model, part in zip(self.members, states, strict=True)
        ]
        probabilities = torch.stack([each for each, _, _ in found]).mean(0)
        return probabilities, probabilities.argmax(-1), tuple(part for _, _, part in found)
