"""Linear interpolation of network and baseline: p = weight p_network + (1 - weight) p_baseline.

The weight maximises the likelihood of the dev set; it is 0.5 if that is small. A task supports this
if its predictor has `join` and `unit_log_probabilities` and its options derive from `JointOptions`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from ostinato.options import option
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.task_options import TaskOptions

ITERATIONS = 100  # of expectation maximisation, more than it usually needs
LARGEST_WEIGHT = 0.98  # of the network; above, the baseline is not worth its time
LEAST_GAIN = 2.0  # standard errors of the mean log-probability
LEAST_UNITS = 50  # labels or tokens to estimate a weight; with fewer, it is 0.5


@dataclass(frozen=True)
class JointOptions(TaskOptions):
    """Options of a task whose network can be interpolated with its baseline."""

    alone: bool = option(
        False,
        "predict with the network alone; by default it is interpolated with its baseline if that "
        "is "
        "significantly better on the dev set",
        when_predicting=True,
    )


class JointLabels(nn.Module):
    """The interpolation of a network and a baseline that both give probabilities of labels.

    Args:
        network: The network.
        baseline: A baseline with `probabilities`.
        weight: The weight of the network.
    """

    def __init__(self, network: nn.Module, baseline: Baseline, weight: float):
        super().__init__()
        self.network, self.baseline, self.weight = network, baseline, weight

    def mix(self, own: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Interpolates the probabilities of network and baseline, [F, C] each."""
        return self.weight * own + (1 - self.weight) * other


def join_labels(network: nn.Module, baseline: Baseline, weight: float) -> JointLabels | None:
    """Interpolates network and baseline; None if the baseline has no probabilities."""
    return JointLabels(network, baseline, weight) if len(baseline.labels) else None


def label_rows(
    network: nn.Module,
    records: Sequence[Any],
    names: Sequence[str],
    own: Callable[[nn.Module, Sequence[Any]], list[np.ndarray]],
) -> list[np.ndarray]:
    """The probability of each label, [F, C] for each record; F is 1, or its number of steps.

    Args:
        network: A network, or JointLabels.
        records: The records to label.
        names: The labels.
        own: (network, records) -> the probabilities of a plain network; zeros for a record
            without inputs.
    """
    if not isinstance(network, JointLabels):
        return own(network, records)
    rows = [np.asarray(row, np.float64) for row in own(network.network, records)]
    answered = [place for place, row in enumerate(rows) if row.any()]
    others = baseline_rows(network.baseline, [records[place] for place in answered], names)
    for place, other in zip(answered, others, strict=True):
        rows[place] = network.mix(rows[place], other)
    return rows


def baseline_rows(
    baseline: Baseline, records: Sequence[Any], names: Sequence[str]
) -> list[np.ndarray]:
    """The baseline's probability of each of these labels, [F, C] for each record; 0 for labels
    that it does not know.
    """
    found = (baseline.probabilities(records) or []) if len(records) else []
    rows = [np.atleast_2d(np.asarray(row, np.float64)) for row in found]
    if list(baseline.labels) == list(names):
        return rows
    known = {name: place for place, name in enumerate(baseline.labels)}
    places = [known.get(name, -1) for name in names]  # -1: a column of zeros
    return [np.pad(row, ((0, 0), (0, 1)))[:, places] for row in rows]


def label_log_probabilities(
    rows: Sequence[np.ndarray],
    truths: Sequence[Sequence[str]],
    names: Sequence[str],
    *,
    several: bool = False,
) -> np.ndarray:
    """log p of each true label [N]; labels unseen in training are left out.

    With `several`, one value for the presence or absence of each label.

    Args:
        rows: The probabilities [F, C] of each record.
        truths: The true labels of each record: F, or any number with `several`.
        names: The labels.
        several: Whether a record may have several labels.
    """
    known = {name: place for place, name in enumerate(names)}
    found: list[float] = []
    for row, truth in zip(rows, truths, strict=True):
        if several and len(row):
            given = np.array([name in truth for name in names])
            found += np.where(given, row[0], 1 - row[0]).tolist()
        elif not several:
            found += [
                float(step[known[label]])
                for step, label in zip(row, truth, strict=False)
                if label in known
            ]
    with np.errstate(divide="ignore"):
        return np.log(np.array(found, np.float64))


class Chosen(NamedTuple):
    """A weight of the network, and how much it helps.

    Attributes:
        weight: The weight of the network.
        gain: The gain in mean log-probability by interpolation, in standard errors; None if there
            are too few labels to measure it.
    """

    weight: float
    gain: float | None

    @property
    def helps(self) -> bool:
        """Whether to use the interpolation: it is significantly better than the network alone, or
        there is too little data to tell, as two models of different kinds are better on average.
        """
        return self.gain is None or (self.weight <= LARGEST_WEIGHT and self.gain >= LEAST_GAIN)


def choose_weight(own: np.ndarray, other: np.ndarray) -> Chosen:
    """Finds the maximum likelihood weight by expectation maximisation; 0.5 for too little data.

    Args:
        own: The network's log-probabilities [N].
        other: The baseline's log-probabilities of the same labels or tokens [N].
    """
    if not len(own):
        return Chosen(1.0, 0.0)
    if len(own) < LEAST_UNITS:
        return Chosen(0.5, None)
    own, other = np.maximum(own, -700.0), np.maximum(other, -700.0)
    weight = 0.5
    for _ in range(ITERATIONS):
        if not 0 < weight < 1:
            break
        odds = math.log(weight / (1 - weight)) + own - other
        weight = float((1 / (1 + np.exp(-np.clip(odds, -700.0, 700.0)))).mean())
    # rounded as it is saved
    weight = round(min(1.0, max(0.0, weight)), 4)
    with np.errstate(divide="ignore"):
        mixed = np.logaddexp(np.log(weight) + own, np.log(1 - weight) + other)
    gains = mixed - own
    error = gains.std(ddof=1) / math.sqrt(len(gains))
    mean = float(gains.mean())
    return Chosen(weight, mean / error if error > 0 else 0.0)
