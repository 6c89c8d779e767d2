"""Area under the receiver operating characteristic, from 0 to 1: how often an example that has the class gets a higher score than
one that has it not (Hanley and McNeil 1982). 0.5 is chance. Of several classes, the mean of each one's. See `metrics.ranking`."""

from __future__ import annotations

from collections.abc import Sequence

from ostinato.metrics.ranking import by_class, count_scores

higher_is_better = True
bounds = (0.0, 1.0)


def count(prediction: Sequence, reference: Sequence) -> tuple[float, ...]:
    """count([0.9], [True]): the probability of each class, and whether it is the true one, of one example or of several."""
    return count_scores(prediction, reference)


def score(total: Sequence[float]) -> float:
    """The mean over the classes that some examples have and some have not; 0.5, chance, if there is none."""
    areas = [
        (present * (absent.sum() - absent.cumsum() + absent / 2)).sum()
        / (present.sum() * absent.sum())
        for present, absent in by_class(total)
    ]
    return min(1.0, float(sum(areas) / len(areas))) if areas else 0.5
