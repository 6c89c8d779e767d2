"""A linear map from a window to all steps ahead, by least squares: NLinear (Zeng et al. 2023).

The last value is subtracted from the window and added to the forecast. Published as trained by
gradient descent, it has a closed form. L steps of a window, H steps ahead.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor


def fit_linear_map(
    windows: Iterable[tuple[np.ndarray, np.ndarray]], *, ridge: float = 1e-3
) -> dict[str, Tensor]:
    """The map of the least squared error.

    Args:
        windows: Pieces of (inputs [N, L], targets [N, H]), both relative to the last value; NaN
            targets are taken for 0, no change.
        ridge: Penalty on the squared weights, relative to the mean squared input.

    Returns:
        weight [H, L] and bias [H].
    """
    gram, cross = np.zeros((1, 1)), np.zeros((1, 1))
    for inputs, targets in windows:
        extended = np.concatenate([inputs, np.ones((len(inputs), 1))], 1).astype(np.float64)
        gram = gram + extended.T @ extended
        cross = cross + extended.T @ np.nan_to_num(targets.astype(np.float64))
    penalty = ridge * max(1e-12, np.diag(gram)[:-1].mean())
    solution = np.linalg.solve(gram + penalty * np.eye(len(gram)), cross)
    return {
        "weight": torch.from_numpy(solution[:-1].T.copy()).float(),
        "bias": torch.from_numpy(solution[-1].copy()).float(),
    }
