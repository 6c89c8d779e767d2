"""The baseline of classification: a bag of words, or the most frequent label."""

from __future__ import annotations

from collections.abc import Sequence

from ostinato.baselines import bag_of_words
from ostinato.data.labelled import Labelled
from ostinato.notices import notify
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.shared.closed_form_baseline import ClosedFormBaseline
from ostinato.tasks.task import Task


def fit_baseline(task: Task, records: Sequence[Labelled]) -> Baseline:
    """A bag of words for texts, if scikit-learn is installed; else the most frequent label."""
    is_text = isinstance(records[0].inputs, str)
    model = "bag-of-words" if is_text and bag_of_words.available() else "most-frequent"
    if is_text and model == "most-frequent":
        notify(
            "baseline: the most frequent label; pip install 'ostinato[baselines]' "
            "for a bag of words"
        )
    return ClosedFormBaseline.fit(task, records, model=model, dev_metric="accuracy")
