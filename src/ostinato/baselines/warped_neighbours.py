"""The nearest training series, by Euclidean distance or dynamic time warping within a window.

Series are resampled to one length. The window, how far the time axis may be warped as a share of
the length, is chosen by leave-one-out; 0 is the Euclidean distance (Ratanamahatana and Keogh 2005).
It is the usual first baseline of time series classification.

B queries, N templates, T steps, D dimensions, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ostinato.baselines.class_sample import sample_classes
from ostinato.baselines.fitted_module import FittedModule
from ostinato.baselines.ridge import choose_sharpness
from ostinato.data.batching.batch import Batch

LONGEST = 200  # steps that are compared of a series
WINDOWS = (0.0, 0.03, 0.06, 0.1, 0.2)
CELLS = 3_000_000  # of templates x steps x window, for one query
QUERIES = 40  # series that are left out, one by one, to choose the window
PIECE = 2_000_000  # numbers of a diagonal of the queries and templates compared at a time
MOST_VALUES = 4_000_000  # of the templates


class Fitted(NamedTuple):
    """What is kept of the training data, in the order of the module's buffers."""

    templates: np.ndarray  # [N, T, D]
    classes: np.ndarray  # [N]
    window: np.ndarray  # [] steps
    sharpness: np.ndarray  # [] by which distances are multiplied before the softmax
    right: np.ndarray  # [] share of the series left out that were classified right


class WarpedNeighbours(FittedModule):
    """Inputs [B, T, D] -> probabilities [B, C]; the most probable class is the nearest template's.

    Args:
        shapes: The shapes of the parts of `Fitted`.
        number: C.
    """

    templates: Tensor
    classes: Tensor
    window: Tensor
    sharpness: Tensor
    right: Tensor

    def __init__(self, shapes: Sequence[Sequence[int]], number: int):
        super().__init__(Fitted._fields, shapes)
        self.number = number

    def probabilities(self, batch: Batch) -> Tensor:
        """The probability of each class, [B, C]: softmax of the distances to the nearest of each
        class, which is calibrated on series left out.
        """
        queries = torch.stack(
            [
                resample(row[:length], self.templates.shape[1])
                for row, length in zip(batch.inputs, batch.lengths.tolist(), strict=True)
            ]
        )
        distances = warped_distances(queries, self.templates, int(self.window))
        nearest = nearest_of_classes(distances, self.classes.long(), self.number)
        return (-self.sharpness * nearest).softmax(-1)


def resample(series: Tensor, steps: int) -> Tensor:
    """A series [T, D] at `steps` evenly spaced times, by linear interpolation [steps, D]."""
    if len(series) == steps:
        return series
    places = torch.linspace(0, len(series) - 1, steps, device=series.device)
    before = places.floor().long().clamp(max=max(0, len(series) - 2))
    after = (before + 1).clamp(max=len(series) - 1)
    share = (places - before).unsqueeze(1)
    return series[before] * (1 - share) + series[after] * share


def nearest_of_classes(distances: Tensor, classes: Tensor, number: int) -> Tensor:
    """The distance to the nearest template of each class, [B, N] -> [B, C].

    A class without a template is as far as the farthest.
    """
    farthest = distances.masked_fill(distances.isinf(), 0).amax(1, keepdim=True)
    nearest = torch.full((len(distances), number), torch.inf, device=distances.device)
    nearest.scatter_reduce_(1, classes.expand(len(distances), -1), distances, "amin")
    return torch.minimum(nearest, farthest)


def warped_distances(queries: Tensor, templates: Tensor, window: int) -> Tensor:
    """The distance of each query [B, T, D] to each template [N, T, D], root of a sum of squares.

    Args:
        queries: [B, T, D].
        templates: [N, T, D].
        window: The most steps by which the two may be apart in time.

    Returns:
        [B, N]
    """
    if window == 0:
        return torch.cdist(queries.flatten(1), templates.flatten(1))
    size = max(1, PIECE // (len(templates) * (window + 1)))
    return torch.cat([warp(rows, templates, window) for rows in queries.split(size)])


def warp(queries: Tensor, templates: Tensor, window: int) -> Tensor:
    """As `warped_distances`; all pairs at once, diagonal by diagonal.

    Cells (i, j) of one diagonal i + j depend on the two diagonals before alone, so that each
    diagonal is a few operations on tensors [B, N, width].
    """
    steps = queries.shape[1]
    shape = len(queries), len(templates), steps + 2
    before, last = (queries.new_full(shape, torch.inf) for _ in range(2))  # [i + 1] is row i
    new = torch.full_like(last, torch.inf)
    for diagonal in range(2 * steps - 1):
        low = max(0, diagonal - steps + 1, -((window - diagonal) // 2))
        high = min(diagonal, steps - 1, (diagonal + window) // 2)
        rows = torch.arange(low, high + 1, device=queries.device)
        one, other = queries[:, rows], templates[:, diagonal - rows]  # [B, W, D], [N, W, D]
        cost = ((one.unsqueeze(1) - other.unsqueeze(0)) ** 2).sum(-1)
        if diagonal:
            cost = cost + torch.minimum(
                torch.minimum(last[..., low + 1 : high + 2], last[..., low : high + 1]),
                before[..., low : high + 1],
            )
        new[..., low] = torch.inf  # outside of the window, where an earlier diagonal may have been
        new[..., high + 2 : high + 3] = torch.inf
        new[..., low + 1 : high + 2] = cost
        before, last, new = last, new, before
    return last[..., steps].sqrt()


def fit_warped_neighbours(series: Sequence[np.ndarray], classes: np.ndarray, number: int) -> Fitted:
    """Keeps templates and chooses the window.

    Args:
        series: Standardised series [T, D] of float32; of many, a sample is kept.
        classes: The class id of each.
        number: C.
    """
    steps = min(LONGEST, max(2, int(np.median([len(each) for each in series]))))
    widest = 1 + int(max(WINDOWS) * steps)
    dimensions = series[0].shape[1]
    most = min(CELLS // (steps * widest * dimensions), MOST_VALUES // (steps * dimensions))
    kept = sample_classes(classes, max(number, most))
    templates = torch.stack([resample(torch.from_numpy(series[row]), steps) for row in kept])
    known = torch.from_numpy(classes[kept])
    left_out = torch.from_numpy(sample_classes(classes[kept], QUERIES))
    best: tuple[float, int, Tensor] | None = None
    for window in sorted({int(share * steps) for share in WINDOWS}):
        distances = warped_distances(templates[left_out], templates, window)
        distances[torch.arange(len(left_out)), left_out] = torch.inf  # not its own neighbour
        nearest = nearest_of_classes(distances, known, number)
        right = float((known[distances.argmin(1)] == known[left_out]).float().mean())
        if best is None or right > best[0]:
            best = right, window, nearest
    assert best is not None
    right, window, nearest = best
    middle = float(nearest.min(1).values.median()) or 1.0
    sharpness = choose_sharpness(-nearest.double().numpy() / middle, known[left_out].numpy())
    return Fitted(
        templates.numpy(),
        known.numpy().astype(np.float32),
        np.array(window, np.float32),
        np.array(sharpness / middle, np.float32),
        np.array(right, np.float32),
    )
