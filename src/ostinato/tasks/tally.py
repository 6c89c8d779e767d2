"""Further results of an evaluation, added up piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Tally(Protocol):
    """Computes the results of `Predictor.analyse` piece by piece, so that an evaluation need not
    hold all predictions in memory.
    """

    def add(self, records: Sequence[Any], predictions: Sequence[Any]) -> None:
        """Adds records with their predictions."""

    def result(self) -> dict[str, Any]:
        """The results of `Predictor.analyse` for all records added."""
        ...
