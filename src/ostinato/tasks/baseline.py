"""The base class of the tasks' baselines: simple models that the network is compared with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ostinato.tasks.prediction import Counts


class Baseline(ABC):
    """A simple model that the network is compared with, by the task's own metrics.

    Attributes:
        name: The name in reports.
    """

    name: str

    @property
    def labels(self) -> Sequence[str]:
        """The labels, in the order of `probabilities`; empty for a baseline without
        probabilities.
        """
        return ()

    def probabilities(self, records: Any) -> list[np.ndarray] | None:
        """The probability of each of `labels` for each record.

        Returns:
            [C] for each record, or [T, C] where its steps are labelled; None for a baseline
            without probabilities.
        """
        return None

    @property
    def simpler(self) -> Sequence[Baseline]:
        """Further, simpler baselines for the report."""
        return ()

    @abstractmethod
    def measure(self, records: Any) -> dict[str, list[Counts]]:
        """The counts of each record for every metric that applies to this baseline."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The fitted values, as JSON values."""

    def tensors(self) -> dict[str, Tensor]:
        """Fitted values too large for JSON; restoring gets them under the key "tensors"."""
        return {}
