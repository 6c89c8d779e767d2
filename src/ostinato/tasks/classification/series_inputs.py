"""Series of numbers as a classifier reads them: standardised, and while training perhaps only in part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch import Tensor

from ostinato.data.series.scaler import Scaler

if TYPE_CHECKING:
    from ostinato.tasks.classification.task import Classification

Steps = TypeVar("Steps", np.ndarray, list)
FEW_SERIES = 500  # of fewer, each is seen in ever other parts, so that it is not learned by heart
LEAST_PART = 0.5
FEW_STEPS = (
    20_000  # so many, of all series together, are learned quickly enough for several networks
)
MEMBERS = 4
ANYWHERE = (
    "mean",
    "max",
    "attention",
    "ensemble",
)  # poolings that look for what tells wherever it stands


def fit(task: Classification, series: Sequence[np.ndarray]) -> None:
    """Each dimension's mean and deviation, whether parts of the series are learned from, and by how many networks."""
    task.scaler = Scaler.fit(series)
    if task.crop is None:
        few = (
            task.model in ("recurrent", "convolution")
            and task.pooling in ANYWHERE
            and len(series) < FEW_SERIES
        )
        task.crop = LEAST_PART if few else 1.0
        if few:
            task.notices.append(
                f"{len(series):,} series are few: a random part of each, half of it at least, is learned from at a time "
                "(--crop 1: the whole)"
            )
    if task.members is None:
        task.members = (
            MEMBERS if task.model == "recurrent" and sum(map(len, series)) <= FEW_STEPS else 1
        )


def encode(task: Classification, values: np.ndarray, draw: int | None) -> Tensor:
    """[T, D], standardised; with `draw`, a part of it."""
    if draw is not None and task.varies:
        values = some_part(values, draw, task.crop)
    return torch.from_numpy(task.scaler(values))


def some_part(values: Steps, seed: int, least: float) -> Steps:
    """A stretch of a series [T, ...] or of a text's tokens, wherever and however long, but at least so large a share of it; or, where
    `least` is above 1, so many steps."""
    chance = np.random.default_rng(seed)
    length = (
        min(len(values), int(least))
        if least > 1
        else max(1, round(len(values) * chance.uniform(least, 1)))
    )
    start = chance.integers(0, len(values) - length + 1)
    return values[start : start + length]
