"""Further results of an evaluation, added up piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Tally(Protocol):
    """What adds up the results of `Predictor.analyse`, so that an evaluation need not hold all
    predictions."""

    def add(self, records: Sequence[Any], predictions: Sequence[Any]) -> None:
        """Adds some records with their predictions."""

    def result(self) -> dict[str, Any]:
        """What `Predictor.analyse` would return for all of them."""
        ...
