"""Ridge regression on one-of-C targets, its strength chosen by leave-one-out.

    W = argmin ||Y - X W||^2 + alpha ||W||^2

All leave-one-out predictions follow from one eigendecomposition of X X^T or X^T X, whichever is
smaller: y_i - (y_i - f(x_i)) / (1 - h_ii), with h the hat matrix (Hastie, Tibshirani and Friedman
2009, equation 7.64). It is what scikit-learn's RidgeClassifierCV does; here the leave-one-out
predictions are kept, for probabilities.

N examples, F features, C classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

STRENGTHS = np.logspace(-3, 3, 10)  # alpha, as in Dempster, Petitjean and Webb 2020
SHARPNESS = np.logspace(-1, 1, 21)  # by which scores are multiplied before the softmax


class Ridge(NamedTuple):
    """A fitted regression.

    Attributes:
        coefficients: [F, C].
        intercepts: [C].
        left_out: The scores of each training example by a regression without it [N, C].
    """

    coefficients: np.ndarray
    intercepts: np.ndarray
    left_out: np.ndarray


def fit_ridge(features: np.ndarray, classes: np.ndarray, number: int) -> Ridge:
    """The regression of features [N, F] on class ids [N] below `number`, features standardised."""
    features = features.astype(np.float64)
    mean, scale = features.mean(0), features.std(0)
    scale[scale < 1e-8] = 1.0
    x = (features - mean) / scale
    y = np.where(classes[:, None] == np.arange(number), 1.0, -1.0)  # [N, C]
    level = y.mean(0)
    if len(x) <= x.shape[1]:
        squares, u = np.linalg.eigh(x @ x.T)
        squares = np.maximum(squares, 0)
    else:
        squares, v = np.linalg.eigh(x.T @ x)
        squares = np.maximum(squares, 0)
        u = x @ v / np.sqrt(np.maximum(squares, 1e-10 * squares.max()))
    projected = u.T @ (y - level)
    best: tuple[float, float, np.ndarray] | None = None
    for alpha in STRENGTHS:
        shrunk = squares / (squares + alpha)
        fitted = level + u @ (shrunk[:, None] * projected)
        leverage = np.minimum(1 / len(x) + (u**2) @ shrunk, 1 - 1e-6)
        residual = (y - fitted) / (1 - leverage[:, None])
        error = float((residual**2).mean())
        if best is None or error < best[0]:
            best = error, float(alpha), y - residual
    assert best is not None
    _, alpha, left_out = best
    weights = x.T @ (u @ (projected / (squares + alpha)[:, None])) / scale[:, None]
    return Ridge(weights, level - mean @ weights, left_out)


def choose_sharpness(scores: np.ndarray, classes: np.ndarray) -> float:
    """The factor of scores [N, C] with which their softmax gives the classes [N] the highest
    likelihood.
    """
    likelihoods = []
    for sharpness in SHARPNESS:
        scaled = sharpness * (scores - scores.max(1, keepdims=True))
        total = np.log(np.exp(scaled).sum(1))
        likelihoods.append(float((scaled[np.arange(len(classes)), classes] - total).mean()))
    return float(SHARPNESS[int(np.argmax(likelihoods))])
