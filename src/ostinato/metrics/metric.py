"""What a metric is: counts that add up over a corpus, and the score of their sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Metric(Protocol):
    """A metric is a module `metrics/NAME.py` with these names."""

    @property
    def higher_is_better(self) -> bool: ...

    @property
    def bounds(self) -> tuple[float, float]:
        """(lowest, highest) possible score."""
        ...

    def count(self, prediction: Any, reference: Any, /) -> tuple[float, ...]:
        """What is counted of one example; adds up over a corpus."""
        ...

    def score(self, total: Sequence[float], /) -> float:
        """The score from the sum of the counts."""
        ...


@runtime_checkable
class DetailedMetric(Metric, Protocol):
    """A metric that has more to report than its score, such as BLEU's precisions."""

    def details(self, total: Sequence[float], /) -> dict[str, Any]:
        """{name: value} from the sum of the counts."""
        ...
