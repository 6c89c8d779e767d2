"""The nearest neighbour by dynamic time warping: how isolated words were recognised before
(Sakoe and Chiba 1978).

T frames, D features, N templates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def warped_distances(frames: np.ndarray, templates: Sequence[np.ndarray]) -> np.ndarray:
    """The warped distance of frames [T, D] to each template [T_n, D], divided by T + T_n: [N].

    Steps are (1, 1), (1, 0) and (0, 1), the first of double weight (the symmetric form, equation 20
    without slope constraint); frames differ by their Euclidean distance.
    """
    longest = max(map(len, templates))
    lengths = np.array([len(each) for each in templates])
    padded = np.zeros((len(templates), longest, frames.shape[1]), np.float32)
    for row, each in zip(padded, templates, strict=True):
        row[: len(each)] = each
    squares = (padded**2).sum(-1)  # [N, T_n]
    total = np.full((len(templates), longest + 1), np.inf)
    total[:, 0] = 0.0
    for number, frame in enumerate(frames):
        cost = np.sqrt(np.maximum(squares - 2 * padded @ frame + (frame**2).sum(), 0))
        new = np.full_like(total, np.inf)
        for place in range(longest):
            here = cost[:, place]
            new[:, place + 1] = np.minimum(
                total[:, place] + 2 * here,
                np.minimum(total[:, place + 1], new[:, place]) + here,
            )
        total = new
        if number == 0 and len(frames) > 1:
            total[:, 0] = np.inf
    return total[np.arange(len(templates)), lengths] / (lengths + len(frames))
