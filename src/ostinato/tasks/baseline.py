"""What every task's baseline is: a simple model that the network is measured against."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ostinato.tasks.prediction import Counts


class Baseline(ABC):
    """A simple model that the network is measured against by the task's own metrics."""

    name: str

    @property
    def simpler(self) -> Sequence[Baseline]:
        """Further baselines for the report."""
        return ()

    @property
    def has_probabilities(self) -> bool:
        """Whether `label_rows` gives the probabilities of labels, so that network and baseline can
        answer together."""
        return False

    def label_rows(self, records: Any, names: Sequence[str]) -> list[np.ndarray]:
        """The probability of each of these labels, [F, C] a record: F is 1, or the number of its
        steps; a label that the baseline does not know has none."""
        raise ValueError(f"{self.name}: has no probabilities")

    @abstractmethod
    def measure(self, records: Any) -> dict[str, list[Counts]]:
        """For each metric that makes sense for it, what it counts of each record."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What was fitted, as JSON can hold it."""

    def tensors(self) -> dict[str, Tensor]:
        """What was fitted and is too large for JSON; it is restored under the key "tensors"."""
        return {}
