"""The baselines of music models: a Markov model of the steps, and the frequencies of the notes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ostinato.data.music.tunes import Tune
from ostinato.metrics import METRICS
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.melody.markov import (
    CountingModel,
    describe_model,
    fit_counting_models,
    model_from_dict,
    model_to_dict,
    score_tune,
)
from ostinato.tasks.melody.prediction import METRIC_NAMES
from ostinato.tasks.prediction import Counts
from ostinato.tasks.task import Task

Normalise = Callable[[Tune], Tune]


class TuneBaseline(Baseline):
    """A counting model, and a simpler one for the report.

    Args:
        model: The fitted model.
        normalise: A tune -> the tune transposed to the key that the network learns.
        simplest: The frequencies of the notes.
    """

    def __init__(
        self, model: CountingModel, normalise: Normalise, simplest: CountingModel | None = None
    ):
        self.model, self.normalise, self.simplest = model, normalise, simplest
        self.name = describe_model(model)

    @property
    def simpler(self) -> Sequence[Baseline]:
        return () if self.simplest is None else (TuneBaseline(self.simplest, self.normalise),)

    @classmethod
    def fit(cls, records: Sequence[Tune], normalise: Normalise, *, chords: bool) -> TuneBaseline:
        models = fit_counting_models([normalise(record) for record in records], chords=chords)
        return cls(models.markov, normalise, models.frequencies)

    def measure(self, records: Sequence[Tune]) -> dict[str, list[Counts]]:
        scores = [score_tune(self.model, self.normalise(record)) for record in records]
        return {name: [METRICS[name].count(*each) for each in scores] for name in METRIC_NAMES}

    def state(self) -> dict[str, Any]:
        return {
            "model": model_to_dict(self.model),
            "simplest": None if self.simplest is None else model_to_dict(self.simplest),
        }

    @classmethod
    def restore(cls, state: dict[str, Any], normalise: Normalise) -> TuneBaseline:
        """The inverse of `state`."""
        simplest = None if state["simplest"] is None else model_from_dict(state["simplest"])
        return cls(model_from_dict(state["model"]), normalise, simplest)


def fit_baseline(task: Task, records: Sequence[Tune]) -> TuneBaseline:
    """Fits the baseline to the training tunes."""
    preprocessing = task.preprocessing
    return TuneBaseline.fit(records, preprocessing.normalise, chords=preprocessing.chords)


def restore_baseline(task: Task, state: dict[str, Any]) -> TuneBaseline:
    """Restores the baseline from its `state()`."""
    return TuneBaseline.restore(state, task.preprocessing.normalise)
