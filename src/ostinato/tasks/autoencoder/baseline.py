"""The baseline of autoencoders: principal components, with a code of the same size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ostinato.baselines.principal_components import PrincipalComponents
from ostinato.data.vectors import Vector
from ostinato.tasks.autoencoder.prediction import count_errors
from ostinato.tasks.autoencoder.preprocessing import AutoencoderPreprocessing
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.prediction import Counts
from ostinato.tasks.task import Task


class TrainingMean(Baseline):
    """Reconstructs every input as the mean of the training inputs: a code of dimension 0."""

    name = "training mean"

    def __init__(self, preprocessing: AutoencoderPreprocessing):
        self.preprocessing = preprocessing

    def measure(self, records: Sequence[Vector]) -> dict[str, list[Counts]]:
        mean = self.preprocessing.mean[None]
        return count_errors(
            self.preprocessing,
            records,
            [np.repeat(mean, len(record.values), 0) for record in records],
        )

    def state(self) -> dict[str, Any]:
        return {}


class Components(Baseline):
    """The first principal components; sequences are padded or cut to one length and flattened."""

    name = "principal components"

    def __init__(self, preprocessing: AutoencoderPreprocessing, components: PrincipalComponents):
        self.preprocessing, self.components = preprocessing, components

    @property
    def simpler(self) -> Sequence[Baseline]:
        return (TrainingMean(self.preprocessing),)

    def measure(self, records: Sequence[Vector]) -> dict[str, list[Counts]]:
        preprocessing, found = self.preprocessing, []
        for record in records:
            flat = preprocessing.flatten([record])
            rebuilt = self.components.decode(self.components.encode(flat))
            scaled = np.zeros((len(record.values), preprocessing.size))
            known = rebuilt.reshape(preprocessing.steps, -1)[: len(scaled)]
            scaled[: len(known)] = known
            found.append(preprocessing.invert(scaled))
        return count_errors(preprocessing, records, found)

    def state(self) -> dict[str, Any]:
        return {"components": True}

    def tensors(self) -> dict[str, Tensor]:
        return {"basis": torch.from_numpy(self.components.basis)}


def fit_baseline(task: Task, records: Sequence[Vector]) -> Baseline:
    """Principal components, or the mean if inputs have too many values for a covariance."""
    components = task.preprocessing.components
    if components is None:
        return TrainingMean(task.preprocessing)
    return Components(task.preprocessing, components)


def restore_baseline(task: Task, state: dict[str, Any]) -> Baseline:
    """The baseline with this state, as returned by its state()."""
    if not state.get("components"):
        return TrainingMean(task.preprocessing)
    basis = state["tensors"]["basis"].double().numpy()
    components = PrincipalComponents(basis, task.preprocessing.eigenvalues)
    return Components(task.preprocessing, components)
