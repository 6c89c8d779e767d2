"""Codes and reconstructions, and their errors."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from torch import nn

from ostinato.data.batching.batch import Batch
from ostinato.data.vectors import Vector
from ostinato.metrics import METRICS
from ostinato.tasks.autoencoder.options import AutoencoderOptions
from ostinato.tasks.autoencoder.picture import draw_reconstructions
from ostinato.tasks.autoencoder.preprocessing import AutoencoderPreprocessing
from ostinato.tasks.prediction import Counts, Prediction
from ostinato.tasks.predictor import Predictor
from ostinato.tasks.shared.inference import answer_in_batches, independent_rows

STEPS_IN_A_BATCH = 8192
DIGITS = 6  # significant digits of printed numbers


@dataclass(frozen=True, eq=False)
class Encoded(Prediction):
    """The prediction for one input.

    Args:
        code: The code [K]; empty for a sequence of length 0.
        reconstruction: [T, D], in the units of the input.
        error: The mean squared error of the scaled values, as the network reads them.
        shown: Which of them is printed: codes, reconstructions or errors.
        sequence: Whether the input is a sequence.
    """

    code: np.ndarray
    reconstruction: np.ndarray
    error: float
    shown: str
    sequence: bool

    @property
    def text(self) -> str:
        if not len(self.reconstruction):
            return ""
        if self.shown == "errors":
            return f"{self.error:.{DIGITS}g}"
        if self.shown == "codes":
            return join_numbers(self.code)
        if self.sequence:
            return json.dumps(round_numbers(self.reconstruction))
        return join_numbers(self.reconstruction[0])

    @property
    def details(self) -> dict[str, Any]:
        return {
            "code": round_numbers(self.code),
            "reconstruction": round_numbers(self.reconstruction),
            "error": self.error,
        }


def join_numbers(values: np.ndarray) -> str:
    """join_numbers([0.5, 2.0]) -> "0.5,2" """
    return ",".join(f"{value:.{DIGITS}g}" for value in values.tolist())


def round_numbers(values: np.ndarray) -> Any:
    """An array as nested lists, rounded to the digits that are printed."""
    if values.ndim > 1:
        return [round_numbers(row) for row in values]
    return [float(f"{value:.{DIGITS}g}") for value in values.tolist()]


class AutoencoderPredictor(Predictor):
    options: AutoencoderOptions
    preprocessing: AutoencoderPreprocessing
    one_pass = True

    def answer(
        self, network: Any, records: Sequence[Vector]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """The code [K] and the reconstruction [T, D] of each record, in scaled values."""

        def rows(batch: Batch) -> list[tuple[np.ndarray, np.ndarray]]:
            codes = network.encode(batch).double().cpu().numpy()
            found = network.reconstruct(batch).double().cpu().numpy()
            lengths = batch.lengths.tolist()
            return [
                (code, row[:length])
                for code, row, length in zip(codes, found, lengths, strict=True)
            ]

        examples = [self.preprocessing.encode(record) for record in records]
        empty = (np.zeros(0), np.zeros((0, self.preprocessing.size)))
        with independent_rows():  # so that the printed digits do not depend on the batch
            return answer_in_batches(network, examples, rows, empty=empty, tokens=STEPS_IN_A_BATCH)

    def predict(self, network: nn.Module, records: Sequence[Vector]) -> list[Encoded]:
        found = []
        for record, (code, scaled) in zip(records, self.answer(network, records), strict=True):
            errors = np.square(scaled - self.preprocessing.apply(record.values))
            found.append(
                Encoded(
                    code,
                    self.preprocessing.invert(scaled),
                    float(errors.mean()) if errors.size else 0.0,
                    self.options.show,
                    self.preprocessing.sequences,
                )
            )
        return found

    def count(
        self, network: nn.Module, records: Any, predictions: Sequence[Encoded]
    ) -> dict[str, list[Counts]]:
        return count_errors(
            self.preprocessing, records, [prediction.reconstruction for prediction in predictions]
        )

    def count_quickly(self, network: nn.Module, records: Any, metric: str) -> list[Counts]:
        return self.count(network, records, self.predict(network, records))[metric]

    def log_probabilities(self, network: nn.Module, records: Sequence[Vector]) -> list[float]:
        """log p of each input under a Gaussian of variance 1 around its reconstruction."""
        found = []
        for record, (_, scaled) in zip(records, self.answer(network, records), strict=True):
            errors = np.square(scaled - self.preprocessing.apply(record.values)).sum()
            found.append(float(-0.5 * errors - 0.5 * record.values.size * math.log(2 * math.pi)))
        return found

    def analyse(
        self,
        records: Any,
        predictions: Sequence[Encoded],
        counts: Mapping[str, list[Counts]],
        *,
        seed: int = 1,
    ) -> dict[str, Any]:
        """The explained variance; for a linear autoencoder also its optimum next to that of PCA."""
        values = np.concatenate([self.preprocessing.apply(each.values) for each in records])
        errors = sum(each[0] for each in counts["mse"]) / max(1, len(values))
        variance = float(np.square(values).sum() / max(1, len(values)))
        details = {"explained variance": {"share": 1 - errors / variance if variance else 0.0}}
        if self.preprocessing.optimum:
            details["training optimum"] = dict(self.preprocessing.optimum)
        return {"details": details}

    def pictures(
        self, records: Sequence[Vector], predictions: Sequence[Encoded]
    ) -> dict[str, Callable[[BinaryIO], object]]:
        found = [prediction.reconstruction for prediction in predictions]
        inputs = [record.values for record in records]
        shape, eigenvalues = self.preprocessing.shape, self.preprocessing.eigenvalues
        return {
            "reconstructions.png": draw_reconstructions(
                inputs, found, shape, eigenvalues, self.options.code_size
            )
        }

    def show(self, record: Vector, prediction: Encoded) -> dict[str, str]:
        steps = f"{len(record.values):,} steps of " if record.sequence else ""
        return {
            "input": f"{steps}{record.values.shape[1]:,} values",
            "code": join_numbers(prediction.code)[:200],
            "error": f"{prediction.error:.4g}",
        }


def count_errors(
    preprocessing: AutoencoderPreprocessing,
    records: Sequence[Vector],
    reconstructions: Sequence[np.ndarray],
) -> dict[str, list[Counts]]:
    """The errors of reconstructions [T, D], in scaled values."""
    counts: dict[str, list[Counts]] = {"mse": [], "mae": []}
    for record, found in zip(records, reconstructions, strict=True):
        pair = [
            preprocessing.apply(values).reshape(-1).tolist() for values in (found, record.values)
        ]
        for name, each in counts.items():
            each.append(METRICS[name].count(*pair))
    return counts
