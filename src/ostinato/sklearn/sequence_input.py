"""The input X as sequences: texts, tables, arrays [N, T, D], lists of series of unequal length."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import _num_samples, validate_data


def holds_texts(X: Any) -> bool:
    """Whether X is a list, an array or a column of texts."""
    if isinstance(X, str) or getattr(X, "ndim", 1) != 1 or not hasattr(X, "__iter__"):
        return False
    return _num_samples(X) > 0 and all(isinstance(each, str) for each in X)


def holds_series(X: Any, *, known: bool = False) -> bool:
    """Whether X is an array [N, T, D], or a list of arrays [T] or [T, D] of any lengths T.

    Series [T] of equal length are a table, unless it is `known` that X holds series."""
    if isinstance(X, np.ndarray) and X.dtype != object:
        return X.ndim == 3
    return (
        isinstance(X, (list, tuple, np.ndarray))
        and len(X) > 0
        and all(isinstance(each, (np.ndarray, list, tuple)) for each in X)
        and (known or len({len(each) for each in X}) > 1 or np.ndim(X[0]) == 2)
    )


def as_sequences(estimator: Any, X: Any, *, reset: bool, texts: bool = True) -> list[Any]:
    """X as a list of texts, or of series [T, D].

    A table [N, T], as an array or a DataFrame, has one series of T numbers per row.

    Args:
        estimator: With `reset`, the kind of X and its number of columns are stored here.
        X: The argument of `fit` or `predict`.
        reset: Whether `fit` is the caller.
        texts: Whether texts are accepted.

    Raises:
        ValueError: X is not finite, is empty, or is not of the kind that `fit` was given.
    """
    if texts and holds_texts(X):
        kind, found = "texts", list(X)
    elif holds_series(X, known=not reset and estimator.reads_.startswith("series")):
        series = [np.asarray(each, dtype=float) for each in X]
        found = [each[:, None] if each.ndim == 1 else each for each in series]
        kind = f"series of {found[0].shape[1]} dimensions"
        if any(each.ndim != 2 or each.shape[1] != found[0].shape[1] for each in found):
            raise ValueError(f"X: expected {kind}, as the first has; others have more or fewer")
        if not all(np.isfinite(each).all() for each in found):
            raise ValueError("Input X contains NaN or infinity.")
    else:
        table = validate_data(estimator, X, dtype=np.float64, reset=reset)
        kind, found = "rows of numbers", [row[:, None] for row in table]
    if reset:
        estimator.reads_ = kind
    elif estimator.reads_ != kind:
        raise ValueError(f"X holds {kind}, but fit was given {estimator.reads_}")
    return found
