"""The baselines of classification: n-grams of words and characters for texts, random
convolutions and nearest neighbours for time series, otherwise the most frequent label.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from torch import nn

from ostinato.baselines import bag_of_words
from ostinato.baselines.random_convolutions import RandomConvolutions
from ostinato.baselines.warped_neighbours import WarpedNeighbours
from ostinato.data.labelled import Labelled, kind_of
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.notices import notify
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.classification.encoders import has_short_texts
from ostinato.tasks.classification.inputs import require_text
from ostinato.tasks.classification.options import OF_SERIES, WORDS_AND_CHARACTERS
from ostinato.tasks.shared.closed_form_baseline import ClosedFormBaseline
from ostinato.tasks.task import Task

ENOUGH_RECORDS = 2000  # a random sample of larger data chooses the best baseline
EVERY = 10  # one in ten of these is held out to choose it


class ClassificationBaseline(ClosedFormBaseline):
    """One of the closed-form models, with the others as simpler baselines."""

    @staticmethod
    def display_name(model: str) -> str:
        return model.replace("-", " ").replace("ngrams", "n-grams")

    @property
    def labels(self) -> Sequence[str]:
        return self.task.preprocessing.labels.tokens

    def probabilities(self, records: Sequence[Labelled]) -> list[np.ndarray]:
        found = self.task.predictor.probabilities(self.network, records)
        return [np.array([each[label] for label in self.labels]) for each in found]

    @classmethod
    def fit_all(cls, task: Task, records: Sequence[Labelled], models: Sequence[str]) -> list[Self]:
        """Fits each of the models to the records."""
        return [cls.fit(task, records, model=model, dev_metric="accuracy") for model in models]

    def beside(self, others: Sequence[Self]) -> Self:
        """A copy with these simpler baselines for the report."""
        return type(self)(self.task, self.network, others)


def fit_baseline(task: Task, records: Sequence[Labelled]) -> Baseline:
    """Fits the closed-form models that suit the records, and chooses the best."""
    models = suitable_models(task, records)
    fitted = ClassificationBaseline.fit_all(task, records, models)
    scores = held_out_scores(task, records, fitted)
    best = max(range(len(models)), key=scores.__getitem__)
    return fitted[best].beside([each for place, each in enumerate(fitted) if place != best])


def suitable_models(task: Task, records: Sequence[Labelled]) -> tuple[str, ...]:
    """The closed-form models that suit the kind and the number of the records."""
    kind = kind_of(records[0].inputs)
    if kind == "texts" and bag_of_words.available():
        short = has_short_texts([require_text(record.inputs) for record in records])
        return (WORDS_AND_CHARACTERS,) if short else (WORDS_AND_CHARACTERS, "bag-of-words")
    if kind == "texts":
        notify(
            "baseline: the most frequent label; pip install 'ostinato[baselines]' "
            "for a bag of words"
        )
    if kind == "series of numbers" and not task.options.several_labels:
        return OF_SERIES
    return ("most-frequent",)


def share_right(network: nn.Module) -> float:
    """The leave-one-out accuracy of a fitted time series model on its training series."""
    if not isinstance(network, RandomConvolutions | WarpedNeighbours):
        raise TypeError(f"a {type(network).__name__} is not a model of series")
    return float(network.right)


def held_out_scores(
    task: Task, records: Sequence[Labelled], fitted: Sequence[ClassificationBaseline]
) -> list[float]:
    """The accuracy of each model on held-out examples."""
    if len(fitted) == 1:
        return [0.0]
    models = [each.task.options.model for each in fitted]
    if models == list(OF_SERIES):  # their fit gives the leave-one-out accuracy
        return [share_right(each.network) for each in fitted]
    # shuffled: files are often sorted by class
    order = np.random.default_rng(0).permutation(len(records))[:ENOUGH_RECORDS]
    some = [records[row] for row in order]
    held_out = some[::EVERY]
    rest = [record for place, record in enumerate(some) if place % EVERY]
    labels = {record.label for record in rest}
    if len(labels) < 2:
        return [0.0] * len(fitted)
    known = [record for record in held_out if record.label in labels]
    return [
        corpus_score(METRICS["accuracy"], each.measure(known)["accuracy"]) if known else 0.0
        for each in ClassificationBaseline.fit_all(task, rest, models)
    ]
