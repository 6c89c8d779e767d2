"""The verdict on a score in one sentence, the first line of a report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ostinato.commands.run.forecast import as_time_limit
from ostinato.commands.tables import number
from ostinato.metrics import METRICS

SEEN_ENOUGH = 0.98  # share of the epochs; with less, the time limit ended the run


def write_verdict(
    metrics: Sequence[str],
    result: Mapping[str, Any],
    baseline: Mapping[str, Any] | None,
    *,
    network: str = "network",
) -> str:
    """The score with its interval, the best baseline's, and which is better.

        accuracy 93.4 % (95 % interval 91.8 % .. 94.8 %), bag of words 94.3 %: the network is not
        better

    Args:
        metrics: the task's metrics, the main one first
        result: the result of `measure`; for an interpolation with the baseline, the network's own
            scores are under "alone"; "answers_by_baseline" if the baseline answers without it
        baseline: the result of `baseline_scores`
        network: the subject of the sentence, "network" or "model"

    Returns:
        The sentence without a full stop; "" without a score.
    """
    chosen = choose_metric(metrics, result, baseline)
    if chosen is None:
        return ""
    metric, beside = chosen
    score, (low, high) = result["metrics"][metric], result["intervals"].get(metric, (None, None))
    text = f"{metric.replace('_', ' ')} {show(metric, score)}"
    if low is not None and high is not None:
        text += f" (95 % interval {show(metric, low)} .. {show(metric, high)})"
    if not beside:
        return text
    name, best = find_best(metric, beside)
    alone = result.get("alone", {}).get(metric)
    if baseline is not None and result.get("answers_by_baseline"):
        text += f" by {baseline['name']}, which is better than the {network} on the dev set"
        return text if alone is None else f"{text}; the {network} alone {show(metric, alone)}"
    together = alone is not None
    if together:
        text += f" by the {network} and its baseline together, the {network} alone "
        text += show(metric, alone)
    text += f", {name} {show(metric, best)}: "
    subject, verb = ("together they", "are") if together else (f"the {network}", "is")
    sign = 1 if METRICS[metric].higher_is_better else -1
    if sign * (score - best) <= 0:
        return f"{text}{subject} {verb} not better"
    bound = low if sign > 0 else high
    if bound is None or sign * (bound - best) <= 0:
        return f"{text}{subject} {verb} hardly better, within the interval"
    return f"{text}{subject} {verb} better"


def choose_metric(
    metrics: Sequence[str], result: Mapping[str, Any], baseline: Mapping[str, Any] | None
) -> tuple[str, dict[str, float]] | None:
    """The first metric that network and baselines share, and its score for each baseline.

    If no baseline has one of the metrics, the first metric and no scores.
    """
    scored = [name for name in metrics if is_number(result["metrics"].get(name))]
    baselines = [] if baseline is None else [baseline, *baseline.get("simpler", ())]
    for metric in scored:
        beside = {
            each["name"]: each["metrics"][metric]
            for each in baselines
            if is_number(each["metrics"].get(metric))
        }
        if beside:
            return metric, beside
    return (scored[0], {}) if scored else None


def find_best(metric: str, beside: Mapping[str, float]) -> tuple[str, float]:
    """The best baseline and its score."""
    choose = max if METRICS[metric].higher_is_better else min
    name = choose(beside, key=beside.__getitem__)
    return name, beside[name]


def is_number(value: Any) -> bool:
    """Whether the value is a finite number."""
    return isinstance(value, (int, float)) and math.isfinite(value)


def show(metric: str, value: float) -> str:
    """show("accuracy", 0.934) -> "93.4 %"; show("perplexity", 13.31) -> "13.31" """
    if METRICS[metric].bounds == (0.0, 1.0):
        return f"{100 * value:.1f} %"
    return number(float(value))


def describe_epochs(seen: float, planned: float, seconds: float, resume: str) -> str:
    """Says that the time limit ended a run, and how to continue it; "" if it did not.

    Args:
        seen, planned: numbers of epochs
        seconds: training time so far
        resume: the command that continues
    """
    if not seen or seen >= SEEN_ENOUGH * planned:
        return ""
    more = as_time_limit(seconds / seen * (planned - seen))
    return f"it saw {count_epochs(seen)} of {planned:.4g} epochs: {resume} --time-limit {more}"


def count_epochs(epochs: float) -> str:
    """0.0312 -> "0.031"; 4.52 -> "4.5"; 104.2 -> "104" """
    return f"{epochs:.2g}" if epochs < 10 else f"{epochs:,.0f}"
