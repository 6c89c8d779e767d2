"""What a metric is: counts that add up over a corpus, and a score from their sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable


class NotFinite(ValueError):
    """A prediction that is NaN, as of a network whose weights or inputs are too large."""


class Metric(Protocol):
    """A module of this package with two functions and two constants.

    Because counts add up, the score of a corpus, its confidence interval and the significance of a
    difference are computed in the same way for every metric.
    """

    @property
    def higher_is_better(self) -> bool:
        """Whether a greater score is better."""
        ...

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest possible score."""
        ...

    def count(self, prediction: Any, reference: Any, /) -> tuple[float, ...]:
        """The counts of one example; of the same length for all examples of a corpus."""
        ...

    def score(self, total: Sequence[float], /) -> float:
        """The score from the summed counts."""
        ...


@runtime_checkable
class DetailedMetric(Metric, Protocol):
    """A metric with more to report than its score, such as sacreBLEU's signature."""

    def details(self, total: Sequence[float], /, **settings: Any) -> dict[str, Any]:
        """What a report shows beside the score, from the summed counts and the metric's
        settings.
        """
        ...


@runtime_checkable
class RemarkingMetric(DetailedMetric, Protocol):
    """A metric whose score can be misread, such as a BLEU that is 0 whatever the words."""

    def remark(self, total: Sequence[float], /, **settings: Any) -> str | None:
        """What the user should be told of the score, or None."""
        ...


@runtime_checkable
class BinnedMetric(Metric, Protocol):
    """A metric computed from binned scores, which is off by a known error at most."""

    def binning_error(self, total: Sequence[float], /) -> float:
        """The greatest difference from the metric of the scores themselves."""
        ...
