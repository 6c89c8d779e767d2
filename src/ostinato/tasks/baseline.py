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
    def labels(self) -> Sequence[str]:
        """What `probabilities` are of."""
        return ()

    def probabilities(self, records: Any) -> list[np.ndarray] | None:
        """The probability of each of `labels`: [C] of each record, or [T, C] of its steps; None
        for a baseline that has none.
        """
        return None

    @property
    def simpler(self) -> Sequence[Baseline]:
        """Further baselines for the report."""
        return ()

    @abstractmethod
    def measure(self, records: Any) -> dict[str, list[Counts]]:
        """For each metric that makes sense for it, what it counts of each record."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What was fitted, as JSON can hold it."""

    def tensors(self) -> dict[str, Tensor]:
        """What was fitted and is too large for JSON; it is restored under the key "tensors"."""
        return {}
