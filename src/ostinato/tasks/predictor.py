"""What every task's predictor is: a network's answers, and what the metrics count of them."""

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
    """A network's answers, and what the metrics count of them."""

    def __init__(self, options: Any, preprocessing: Any, *, task_name: str = "?"):
        self.options, self.preprocessing, self.task_name = options, preprocessing, task_name

    @abstractmethod
    def predict(self, network: nn.Module, records: Sequence[Record]) -> list[Any]:
        """A Prediction for every record, in order, for an empty one, too."""

    def stream(
        self, network: nn.Module, inputs: Iterator[Record], *, ahead: int = 1
    ) -> Iterator[Any]:
        """Predictions for inputs as they arrive; at most `ahead` are read before they are
        answered.
        """
        while records := list(islice(inputs, ahead)):
            yield from self.predict(network, records)

    # whether `predict` answers a batch in one pass through the network, so that the inputs of
    # several callers can be answered together (`shared.inference.independent_rows`)
    one_pass: ClassVar[bool] = False

    def streamer(self, network: nn.Module, as_record: Callable[[Any], Record]) -> Any:
        """What feeds the network item by item: a `shared.streamer.Streamer`; None if it cannot."""
        return None

    def why_no_streamer(self, network: nn.Module) -> str:
        """Why `streamer` gives None, for people."""
        return "the model needs the whole of an input"

    def analyse(
        self,
        records: Any,
        predictions: Sequence[Any],
        counts: Mapping[str, list[Counts]],
        *,
        seed: int = 1,
    ) -> dict[str, Any]:
        """Further results of an evaluation by name, such as tables; what is under "details" is
        shown with the metrics' own details: {"by_step": [...], "details": {"speakers": {...}}}."""
        return {}

    @abstractmethod
    def count(
        self, network: nn.Module, records: Any, predictions: Sequence[Any]
    ) -> dict[str, list[Counts]]:
        """For each metric of the task, what it counts of each record."""

    @abstractmethod
    def count_quickly(self, network: nn.Module, records: Any, metric: str) -> list[Counts]:
        """What one metric counts of each record, by the fastest decoding: for dev scores while
        training.
        """

    def metric_settings(self, metric: str, records: Any) -> dict[str, Any]:
        """Keyword arguments for a metric's `details`, such as BLEU's tokenizer."""
        return {}

    def calibrate(self, network: nn.Module, records: Any) -> None:  # noqa: B027 (optional)
        """After training, on the dev set: what the network keeps in buffers about its own
        errors.
        """

    def tally(self) -> Tally | None:
        """What adds up the results of `analyse` piece by piece, so that an evaluation need not
        hold all predictions; None: `analyse` is given all of them.
        """
        return None

    def shown(self, records: Any) -> list[int]:
        """With a tally: the indices of the predictions that pictures and examples show."""
        return []

    def verdict(self, result: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
        """In words, how the scores compare with the baselines'; "" where the table says it all."""
        return ""

    def laws(self, network: nn.Module, records: Sequence[Record]) -> dict[str, float]:
        """For `verify`, laws of this task: how many of the records break each."""
        return {}

    def dev_score(self, network: nn.Module, records: Any, metric: str) -> float:
        """The score that chooses the best weights while training."""
        return corpus_score(METRICS[metric], self.count_quickly(network, records, metric))

    def join(self, network: nn.Module, baseline: Baseline, weight: float) -> nn.Module | None:
        """Network and baseline as one that this predictor can use, the network with this weight
        from 0 to 1; None where they cannot answer together."""
        return None

    def unit_log_probabilities(self, network: nn.Module, records: Any) -> np.ndarray:
        """Where `join` gives a network: log p of each label or token of the records [N]."""
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
        """Writes complete samples to the file asked for (its suffix may choose the format);
        gives the files written.
        """
        write_atomically(path, "".join(f"{result}\n" for result in results).encode())
        return [path]

    def format_lines(self, predictions: Iterator[Any], output: str | None = None) -> Iterator[str]:
        """Predictions as lines of text; the name of the output file may choose their form."""
        return (prediction.text for prediction in predictions)

    def pictures(
        self, records: Any, predictions: Sequence[Any]
    ) -> dict[str, Callable[[BinaryIO], object]]:
        """Pictures for the run's folder: {"confusion.png": a function that writes it}."""
        return {}

    def draw_tables(self, result: Mapping[str, Any]) -> dict[str, Callable[[BinaryIO], object]]:
        """Pictures of what `tables` gave, likewise."""
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
