"""Many to one: sequences to classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from ostinato.sklearn.estimator import RecurrentEstimator
from ostinato.sklearn.sequence_input import as_sequences
from ostinato.tasks.shared.inference import independent_rows


class Classifier(ClassifierMixin, RecurrentEstimator):
    """Classifies texts or series with the recurrent network of the classification task.

    X is a list or column of texts; an array [N, T, D] of series; a list of arrays [T, D] of
    different lengths T; or a table [N, T] with one series of T numbers per row. For the parameters
    see `RecurrentEstimator`.

    Attributes:
        classes_: The classes in the order of `predict_proba`'s columns.
        task_: The fitted task.
        network_: The trained network.
    """

    task_name = "classification"

    def fit(self, X: Any, y: Any) -> Classifier:
        """Trains on sequences X and their classes y [N]."""
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        sequences = as_sequences(self, X, reset=True)
        y = column_or_1d(y, warn=True)
        check_consistent_length(sequences, y)
        check_classification_targets(y)
        encoder = LabelEncoder().fit(y)
        self.classes_ = encoder.classes_
        if len(self.classes_) > 1:
            codes = [str(code) for code in encoder.transform(y)]
            self.task_, self.network_ = self.fit_task(list(zip(sequences, codes, strict=True)))
        return self

    def settings(self) -> dict[str, Any]:
        found = super().settings()
        return {"embedding_size": 64, "members": 1, **found}

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class [N, classes]."""
        check_is_fitted(self, "classes_")
        sequences = as_sequences(self, X, reset=False)
        if len(self.classes_) == 1:
            return np.ones((len(sequences), 1))
        records = [self.task_.reader.as_record(each) for each in sequences]
        with independent_rows():
            found = self.task_.predictor.probabilities(self.network_, records)
        columns = [str(code) for code in range(len(self.classes_))]
        return np.array([[row[column] for column in columns] for row in found])

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each sequence [N]."""
        found = self.predict_proba(X)
        return self.classes_[found.argmax(1)]
