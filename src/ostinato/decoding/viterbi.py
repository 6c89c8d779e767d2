"""The best label sequences (Viterbi 1967), by dynamic programming over the whole batch at once.

    score(y_1 .. y_T) =
        start[y_1] + sum_t emissions[t, y_t] + sum_t transitions[y_t-1, y_t] + end[y_T]

The scores may be a CRF's potentials, the log-probabilities of a hidden Markov model, or a network's
logits with transitions of zero."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Path(NamedTuple):
    """A label for each step, and the sum of the scores along it."""

    labels: list[int]
    score: float


def viterbi(
    emissions: Tensor,
    lengths: Tensor,
    *,
    transitions: Tensor | None = None,
    start: Tensor | None = None,
    end: Tensor | None = None,
) -> list[Path]:
    """The best path of each row; of equal ones that with the lowest labels at its end.

    Args:
        emissions: [B, T, K].
        lengths: [B]; a row of length 0 has the empty path.
        transitions: [K, K], [i, j] the score of j after i; default zero, -inf is forbidden.
        start: [K], of the first label; default zero.
        end: [K], of the last label; default zero.

    Raises:
        ValueError: shapes that do not fit.
    """
    return [
        paths[0]
        for paths in k_best(emissions, lengths, 1, transitions=transitions, start=start, end=end)
    ]


def k_best(
    emissions: Tensor,
    lengths: Tensor,
    k: int,
    *,
    transitions: Tensor | None = None,
    start: Tensor | None = None,
    end: Tensor | None = None,
) -> list[list[Path]]:
    """The k best different paths of each row, best first; arguments as of `viterbi`.

    Fewer where there are fewer that are not forbidden, but at least one."""
    transitions, start, end = complete_scores(emissions, lengths, k, transitions, start, end)
    rows, steps, labels = emissions.shape
    if not rows or not steps:
        return [[Path([], 0.0)] for _ in range(rows)]
    # [B, k, K]: the scores of the k best paths that end in each label, -inf where there are fewer
    scores = emissions.new_full((rows, k, labels), -torch.inf)
    scores[:, 0] = start + emissions[:, 0]
    stay = torch.arange(k * labels, device=emissions.device).view(1, k, labels)
    inside = (torch.arange(steps) < lengths[:, None].cpu()).to(emissions.device)
    back = []
    for step in range(1, steps):
        reached = (scores.unsqueeze(3) + transitions).view(rows, k * labels, labels)
        best, came = reached.max(1, keepdim=True) if k == 1 else reached.topk(k, dim=1)
        now = inside[:, step, None, None]
        scores = torch.where(now, best + emissions[:, step].unsqueeze(1), scores)
        back.append(torch.where(now, came, stay))
    total, last = (
        (scores + end).view(rows, -1).topk(k, dim=1)
        if k > 1
        else (scores + end).view(rows, -1).max(1, keepdim=True)
    )
    return [
        read_paths(row, scores, length)
        for row, scores, length in zip(
            trace_back(back, last, labels), total.tolist(), lengths.tolist(), strict=True
        )
    ]


def trace_back(back: list[Tensor], last: Tensor, labels: int) -> list[list[list[int]]]:
    """The labels of each row's paths, [B, k, T], from the backpointers of each step."""
    places = [last]
    for came in reversed(back):
        places.append(came.flatten(1).gather(1, places[-1]))
    return (torch.stack(places[::-1], 2) % labels).tolist()


def read_paths(paths: list[list[int]], scores: list[float], length: int) -> list[Path]:
    """The paths of a row that are not forbidden; the first, if all are."""
    if not length:
        return [Path([], 0.0)]
    found = [
        Path(labels[:length], score)
        for labels, score in zip(paths, scores, strict=True)
        if score != -torch.inf
    ]
    return found or [Path(paths[0][:length], -torch.inf)]


def complete_scores(
    emissions: Tensor, lengths: Tensor, k: int, *scores: Tensor | None
) -> list[Tensor]:
    """Transitions, start and end, with zeros for None; ValueError for shapes that do not fit."""
    if emissions.dim() != 3:
        raise ValueError(f"emissions must be [B, T, K]; got {list(emissions.shape)}")
    rows, steps, labels = emissions.shape
    if lengths.shape != (rows,) or (
        rows and not 0 <= int(lengths.min()) <= int(lengths.max()) <= steps
    ):
        raise ValueError(
            f"lengths must be [{rows}], each from 0 to {steps}; got {lengths.tolist()}"
        )
    if k < 1:
        raise ValueError(f"k must be 1 or more; got {k}")
    found = []
    for name, given, shape in zip(
        ("transitions", "start", "end"), scores, ([labels, labels], [labels], [labels]), strict=True
    ):
        if given is not None and list(given.shape) != shape:
            raise ValueError(f"{name} must be {shape}; got {list(given.shape)}")
        found.append(emissions.new_zeros(shape) if given is None else given.to(emissions))
    return found
