"""The base class of predictions: typed values, from which text, JSON and metric counts are made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ostinato.errors import InputError

Counts = tuple  # the counts of one example for a metric; they add up over a corpus


class Prediction(ABC):
    """The prediction for one record, as values. Text, JSON and metric counts are made from them."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The prediction as the line that `predict` prints."""

    @property
    @abstractmethod
    def details(self) -> dict[str, Any]:
        """The fields that `predict --json` adds to the text."""

    @property
    def candidates(self) -> list[tuple[str, float]]:
        """The n best predictions with their log-probabilities, best first."""
        raise InputError("this model gives no n-best list")
