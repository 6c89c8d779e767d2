"""Exposure bias of music models: losses after the tune's own steps and after the model's steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ostinato.data.batching.batch import Batch
from ostinato.data.music.tunes import Tune
from ostinato.decoding.sampler import RowSampler
from ostinato.tasks.melody.preprocessing import MelodyPreprocessing
from ostinato.tasks.shared.inference import device_of

STEPS = 64  # steps compared: four bars of 4/4 in sixteenths


@torch.inference_mode()
def compare_prefixes(
    preprocessing: MelodyPreprocessing, network: Any, tunes: Sequence[Tune], steps: int = STEPS
) -> list[tuple[list[float], list[float], list[bool]]]:
    """-log p of the first steps of tunes, given gold prefixes and given the model's own prefixes.

    The model's own steps are the most probable events, or the most probable notes of a chord one
    after another. Targets keep their positions, so a prefix that is merely shifted counts as wrong.

    Args:
        preprocessing: The fitted preprocessing.
        network: A `models.music.Music` or another with its interface.
        tunes: The tunes; empty ones are left out.
        steps: Maximum number of steps of a tune.

    Returns:
        For each tune (-log p on gold prefixes [T], on own prefixes [T], whether the own prefix is
        still the gold one [T]).
    """
    found = []
    weights = next((each for each in network.parameters() if each.is_floating_point()), None)
    dtype = torch.float32 if weights is None else weights.dtype
    for tune in tunes:
        example = preprocessing.encode(tune)
        assert example.targets is not None  # a tune is its own target
        targets = example.targets[:steps].to(device_of(network))  # [T] or [T, P]
        inputs = example.inputs[: len(targets)].to(targets.device, dtype)  # [T, D]
        if not len(targets):
            continue
        losses, _ = network.losses(as_batch(inputs, targets), network.initial_state(1))
        forced = losses[0].double().tolist()
        found.append((forced, *run_freely(preprocessing, network, tune, inputs, targets)))
    return found


def run_freely(
    preprocessing: MelodyPreprocessing, network: Any, tune: Tune, inputs: Tensor, targets: Tensor
) -> tuple[list[float], list[bool]]:
    """-log p of each target given the model's own steps, and whether these equal the tune's so
    far.
    """
    state, greedy = network.initial_state(1), RowSampler([1], temperature=0.0)
    x, right = inputs[:1], True  # before the first step nothing is read: [1, D]
    losses, agreed = [], []
    for t, target in enumerate(targets):
        loss, _ = network.losses(as_batch(x, target[None]), state)
        losses.append(float(loss))
        agreed.append(right)
        own, state = network.step(x, state, greedy)  # [1] or [1, P]
        right = right and bool((own[0].to(target) == target).all())
        position = np.array([tune.offset + t + 1])
        features = preprocessing.features.encode(
            own.cpu().numpy(), tune.label, tune.metre, position
        )
        x = features.to(inputs)
    return losses, agreed


def as_batch(inputs: Tensor, targets: Tensor) -> Batch:
    """A batch of one row."""
    return Batch(inputs[None], torch.tensor([len(inputs)]), targets[None])
