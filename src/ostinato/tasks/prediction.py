"""What every task's prediction is: typed values, of which text, JSON and counts are made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ostinato.errors import InputError

Counts = tuple  # what a metric counts of one example; counts add up over a corpus


class Prediction(ABC):
    """The answer to one record, as values. Text, JSON and metric counts are each made from them."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The answer as the line that `predict` prints."""

    @property
    @abstractmethod
    def details(self) -> dict[str, Any]:
        """What `predict --json` shows beside the text."""

    @property
    def candidates(self) -> list[tuple[str, float]]:
        """The n best answers with their log-probabilities, the best first."""
        raise InputError("this model gives no n-best list")
