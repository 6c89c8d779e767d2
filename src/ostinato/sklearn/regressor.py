"""Many to one: series to numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted

from ostinato.cells import CELLS
from ostinato.data.batching.batch import Example
from ostinato.data.batching.buckets import BucketedBatches
from ostinato.models.sequence_regressor import SequenceRegressor
from ostinato.sklearn.estimator import RecurrentEstimator, seeded
from ostinato.sklearn.sequence_input import as_sequences
from ostinato.tasks.shared.inference import answer_in_batches, independent_rows
from ostinato.training.loop import train
from ostinato.training.optimise import build_optimizer
from ostinato.training.options import Options
from ostinato.training.schedule import Schedule

LEAST_STEPS = 400  # the minimum number of optimizer steps, for small data


class Regressor(RegressorMixin, RecurrentEstimator):
    """Predicts a number, or several, from a series, by least squares.

    X is an array [N, T, D], a list of arrays [T, D] of different lengths T, or a table [N, T] with
    one series of T numbers per row. Inputs and targets are standardised with the mean and standard
    deviation of the training data. For the
    parameters see `RecurrentEstimator`; `options` are options of training.

    Attributes:
        network_: The network.
    """

    def fit(self, X: Any, y: Any) -> Regressor:
        """Trains on series X and their targets y, [N] or [N, K]."""
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        series = as_sequences(self, X, reset=True, texts=False)
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        check_consistent_length(series, y)
        self.single_ = y.ndim == 1
        targets = y.reshape(len(y), -1)
        steps = np.concatenate(series)
        self.center_, self.scale_ = steps.mean(0), spread(steps)
        self.target_center_, self.target_scale_ = targets.mean(0), spread(targets)
        scaled = torch.tensor((targets - self.target_center_) / self.target_scale_)
        examples = [
            Example(self.scale(each), target)
            for each, target in zip(series, scaled.float(), strict=True)
        ]
        seed = self.seed()
        with seeded(seed):
            self.network_ = SequenceRegressor(
                CELLS[self.cell],
                steps.shape[1],
                targets.shape[1],
                hidden_size=self.hidden_size,
                layers=self.layers,
                dropout=self.dropout,
            )
            self.train(examples, seed)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def train(self, examples: list[Example], seed: int) -> None:
        """Trains the network in place; the learning rate follows a cosine schedule."""
        batches = BucketedBatches(examples, batch_size=self.batch_size, tokens=None, seed=seed)
        options = Options(
            **{
                "learning_rate": self.learning_rate,
                "batch_size": self.batch_size,
                "epochs": 20.0 if self.epochs is None else float(self.epochs),
                "least_steps": LEAST_STEPS if self.epochs is None else 0,
                "clip_norm": 1.0,
                "schedule": "cosine",
                **(self.options or {}),
            }
        ).with_minimum_steps(-(-len(examples) // self.batch_size))
        optimizer = build_optimizer(self.network_, options)
        for _ in train(
            self.network_,
            batches,
            optimizer,
            schedule=Schedule(options),
            **options.loop_settings,
        ):
            pass
        self.network_.eval()

    def scale(self, series: np.ndarray) -> torch.Tensor:
        """A series [T, D], standardised."""
        return torch.tensor((series - self.center_) / self.scale_).float()

    def predict(self, X: Any) -> np.ndarray:
        """The predicted targets, [N] or [N, K] as in `fit`."""
        check_is_fitted(self, "network_")
        series = as_sequences(self, X, reset=False, texts=False)
        examples = [Example(self.scale(each)) for each in series]
        with independent_rows():
            rows = answer_in_batches(
                self.network_,
                examples,
                lambda batch: self.network_(batch).double().tolist(),
                empty=[float("nan")] * len(self.target_center_),
            )
        found = np.array(rows) * self.target_scale_ + self.target_center_
        return found[:, 0] if self.single_ else found


def spread(values: np.ndarray) -> np.ndarray:
    """The standard deviation of each column of values [N, D]; 1 for a constant column."""
    found = values.std(0)
    return np.where(found > 0, found, 1.0)
