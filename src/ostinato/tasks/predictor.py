"""The base class of predictors: a network's predictions, and their metric counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
from torch import nn

from ostinato.data.files.atomic import write_atomically
from ostinato.errors import InputError
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.prediction import Counts
from ostinato.tasks.reader import Record
from ostinato.tasks.request import Piece, Request
from ostinato.tasks.tally import Tally


class Predictor(ABC):
    """Makes predictions with a network, and counts them for the metrics.

    Args:
        options: The task's options.
        preprocessing: The fitted preprocessing.
        task_name: The task's name, for messages.
    """

    def __init__(self, options: Any, preprocessing: Any, *, task_name: str = "?"):
        self.options, self.preprocessing, self.task_name = options, preprocessing, task_name

    @abstractmethod
    def predict(self, network: nn.Module, records: Sequence[Record]) -> list[Any]:
        """A Prediction for every record, in order, also for an empty one."""

    def stream(
        self, network: nn.Module, inputs: Iterator[Record], *, ahead: int = 1
    ) -> Iterator[Any]:
        """Yields predictions for inputs as they arrive; at most `ahead` inputs are read before the
        first of them is answered.
        """
        while records := list(islice(inputs, ahead)):
            yield from self.predict(network, records)

    # whether `predict` is one pass of a batch through the network, so that the inputs of several
    # callers can share a batch (`shared.inference.independent_rows`)
    one_pass: ClassVar[bool] = False

    def streamer(self, network: nn.Module, as_record: Callable[[Any], Record]) -> Any:
        """A `shared.streamer.Streamer` that feeds the network item by item; None if that is
        impossible.
        """
        return None

    def why_no_streamer(self, network: nn.Module) -> str:
        """Why `streamer` returns None, in words."""
        return "the model needs the whole of an input"

    def analyse(
        self,
        records: Any,
        predictions: Sequence[Any],
        counts: Mapping[str, list[Counts]],
        *,
        seed: int = 1,
    ) -> dict[str, Any]:
        """Further results of an evaluation by name, such as tables.

        Those under "details" are shown with the details of the metrics:
        {"by_step": [...], "details": {"speakers": {...}}}
        """
        return {}

    @abstractmethod
    def count(
        self, network: nn.Module, records: Any, predictions: Sequence[Any]
    ) -> dict[str, list[Counts]]:
        """The counts of each record, for every metric of the task."""

    @abstractmethod
    def count_quickly(self, network: nn.Module, records: Any, metric: str) -> list[Counts]:
        """The counts of each record for one metric, by the fastest decoding, for dev scores."""

    def metric_settings(self, metric: str, records: Any) -> dict[str, Any]:
        """Keyword arguments for a metric's `details`, such as BLEU's tokenizer."""
        return {}

    def calibrate(self, network: nn.Module, records: Any) -> None:  # noqa: B027 (optional)
        """Called after training with the dev set: sets buffers of the network that depend on its
        errors, such as thresholds.
        """

    def tally(self) -> Tally | None:
        """A Tally that computes the results of `analyse` piece by piece, so that an evaluation need
        not hold all predictions in memory; None: `analyse` gets all of them.
        """
        return None

    def shown(self, records: Any) -> list[int]:
        """The indices of the predictions that pictures and examples show, if there is a tally."""
        return []

    def verdict(self, result: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
        """A sentence that compares the scores with the baselines'; "" if the table is enough."""
        return ""

    def laws(self, network: nn.Module, records: Sequence[Record]) -> dict[str, float]:
        """Further laws that `verify` checks: law -> number of records that break it."""
        return {}

    def dev_score(self, network: nn.Module, records: Any, metric: str) -> float:
        """The score that chooses the best weights while training."""
        return corpus_score(METRICS[metric], self.count_quickly(network, records, metric))

    # whether `join` with weight 0 gives the baseline's answers instead of the network's, as the two
    # have no probabilities that could be interpolated
    baseline_replaces: ClassVar[bool] = False

    def join(self, network: nn.Module, baseline: Baseline, weight: float) -> nn.Module | None:
        """Interpolates a network with the baseline.

        Args:
            network: The network.
            baseline: The baseline.
            weight: The weight of the network, from 0 to 1.

        Returns:
            A network for this predictor; None if the two cannot be interpolated.
        """
        return None

    def unit_log_probabilities(self, network: nn.Module, records: Any) -> np.ndarray:
        """log p of each label or token of the records [N], for tasks with `join`."""
        raise ValueError(f"{self.task_name}: network and baseline do not answer together")

    @abstractmethod
    def log_probabilities(self, network: nn.Module, records: Any) -> list[float]:
        """log P of each record (of its target given its source, where it has both)."""

    def why_no_scores(self, network: nn.Module) -> str:
        """Why `log_probabilities` refuses this network, for people; "" where it does not."""
        return ""

    def generate(self, network: nn.Module, request: Request) -> Iterator[Piece]:
        """Samples from the model, piece by piece."""
        raise InputError(f"a model of task {self.task_name} does not generate; use predict")

    def save_generated(self, results: Sequence[Any], path: Path) -> list[Path]:
        """Writes complete samples to a file, whose suffix may choose the format; returns the files
        written.
        """
        write_atomically(path, "".join(f"{result}\n" for result in results).encode())
        return [path]

    def format_lines(self, predictions: Iterator[Any], output: str | None = None) -> Iterator[str]:
        """Formats predictions as lines of text; the name of the output file may choose the
        format.
        """
        return (prediction.text for prediction in predictions)

    def pictures(
        self, records: Any, predictions: Sequence[Any]
    ) -> dict[str, Callable[[BinaryIO], object]]:
        """Pictures for the run's folder: {"confusion.png": a function that writes it}."""
        return {}

    def draw_tables(self, result: Mapping[str, Any]) -> dict[str, Callable[[BinaryIO], object]]:
        """Pictures of the results of an evaluation, likewise."""
        return {}

    @abstractmethod
    def show(self, record: Record, prediction: Any) -> dict[str, str]:
        """A record and its prediction as a few named strings, for the report's examples."""

    def examples(
        self, network: nn.Module, records: Any, predictions: Sequence[Any]
    ) -> list[dict[str, str]]:
        """A few examples of the test set for the report."""
        pairs = spread(list(zip(records, predictions, strict=True)))
        return [self.show(record, prediction) for record, prediction in pairs]


def spread(items: list, number: int = 5) -> list:
    """Evenly spaced items: spread([0, 1, ..., 99], 5) -> [0, 20, 40, 60, 80]."""
    return items[:: max(1, len(items) // number)][:number]
