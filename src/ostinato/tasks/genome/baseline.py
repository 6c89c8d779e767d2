"""The baseline of DNA labelling: the closed-form model that is best on held-out training data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ostinato.baselines import bag_of_words
from ostinato.data.dna.sequences import DnaSequence
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.notices import notify, silence_notices
from ostinato.tasks.genome.data_summary import DataSummary
from ostinato.tasks.shared.closed_form_baseline import ClosedFormBaseline
from ostinato.tasks.task import Task

DISPLAY_NAMES = {
    "most-frequent": "most frequent label",
    "k-mers": "bag of k-mers",
    "weight-matrix": "position weights",
    "hmm": "hidden Markov model",
}
ENOUGH_RECORDS = 3000  # a subsample of about this size chooses the baseline
EVERY = 10  # one in ten of these is held out to choose the baseline


class GenomeBaseline(ClosedFormBaseline):
    """One of the closed-form models, which reads one strand."""

    @staticmethod
    def display_name(model: str) -> str:
        return DISPLAY_NAMES[model]

    @property
    def labels(self) -> Sequence[str]:
        preprocessing = self.task.preprocessing
        return () if preprocessing.per_base else preprocessing.labels.tokens

    def probabilities(self, records: Sequence[DnaSequence]) -> list[np.ndarray] | None:
        if not self.labels:
            return None
        with silence_notices():
            return list(self.task.predictor.probabilities(self.network, records))


def fit_baseline(task: Task, records: Sequence[DnaSequence]) -> GenomeBaseline:
    """Fits the best of the closed-form models that suit the records."""
    if not task.preprocessing.per_base and not bag_of_words.available():
        notify(
            "baseline: the most frequent label; pip install 'ostinato[genome]' for a bag of k-mers"
        )
    model = choose_model(task, records)
    return GenomeBaseline.fit(task, records, model=model, both_strands=False)


def choose_model(task: Task, records: Sequence[DnaSequence]) -> str:
    """Chooses the model that scores best on held-out records; the default if there are too few."""
    per_base = task.preprocessing.per_base
    models = suitable_models(records, per_base=per_base)
    if len(models) == 1 or len(records) < (1 if per_base else 2 * EVERY):
        return models[-1]
    some = records[:: max(1, len(records) // ENOUGH_RECORDS)]
    rest, held_out = task.reader.hold_out(some, number=max(1, len(some) // EVERY), seed=0)
    if not rest or len(DataSummary.of(rest).names) != len(task.preprocessing.labels):
        return models[-1]
    metric = task.options.dev_metric
    scores = {}
    for model in models:
        baseline = GenomeBaseline.fit(task, rest, model=model, both_strands=False)
        scores[model] = corpus_score(METRICS[metric], baseline.measure(held_out)[metric])
    return max(models, key=scores.__getitem__)


def suitable_models(records: Sequence[DnaSequence], *, per_base: bool) -> list[str]:
    """The closed-form models that suit the records; the default comes last."""
    if per_base:
        return ["most-frequent", "hmm"]
    if not bag_of_words.available():
        return ["most-frequent"]
    same_length = len({len(record.bases) for record in records}) == 1
    return ["most-frequent", *(["weight-matrix"] if same_length else []), "k-mers"]
