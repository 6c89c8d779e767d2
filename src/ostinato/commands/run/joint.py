"""Joins network and baseline after training, if that is better on the dev set."""

from __future__ import annotations

from typing import Any

from torch import nn

from ostinato.commands.run.splits import OVERLAP_SHARE
from ostinato.commands.run.training_run import TrainingRun
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.notices import notify, silence_notices
from ostinato.tasks import run_folder
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.shared.joint_labels import choose_weight


def join_baseline(run: TrainingRun) -> nn.Module | None:
    """Joins the network with its baseline, and saves the weight in the run folder.

    Returns:
        Their interpolation, or the network with the answers of the baseline where they cannot be
        interpolated; None with --alone, or if it is not better on the dev set.
    """
    task, network = run.task, run.network
    run_folder.save_weight(run.folder, None)  # that of a run before it was resumed
    if task.options.closed_form or getattr(task.options, "alone", True):
        return None
    baseline = run_folder.load_baseline(run.folder, task)
    if baseline is None or task.predictor.join(network, baseline, 0.0) is None:
        return None
    if task.reader.overlap(run.splits.dev, run.splits.train) > OVERLAP_SHARE:
        return None  # a baseline has memorised examples that it was fitted to
    with silence_notices():
        replaces = task.predictor.baseline_replaces
        weight = weigh_answers(run, baseline) if replaces else weigh_probabilities(run, baseline)
        joint = None if weight is None else task.predictor.join(network, baseline, weight)
    if joint is None or weight is None:
        return None
    run_folder.save_weight(run.folder, weight)
    if replaces:
        notify(
            f"the answers are those of the baseline ({baseline.name}), which is better on the dev "
            "set than the network; --alone for those of the network"
        )
    else:
        notify(
            f"the network is interpolated with its baseline ({baseline.name}): weight of the "
            f"network {weight:.2f}, from the dev set; --alone disables it"
        )
    return joint


def weigh_probabilities(run: TrainingRun, baseline: Baseline) -> float | None:
    """The weight of the network in the interpolation; None if the network alone is as good."""
    predictor, network, dev = run.task.predictor, run.network, run.scored_dev
    chosen = choose_weight(
        predictor.unit_log_probabilities(network, dev),
        predictor.unit_log_probabilities(predictor.join(network, baseline, 0.0), dev),
    )
    if not chosen.helps:
        return None
    joint = predictor.join(network, baseline, chosen.weight)
    return None if is_worse(run, joint, dev) else chosen.weight


def weigh_answers(run: TrainingRun, baseline: Baseline) -> float | None:
    """0 if the baseline alone is better on the dev set than the network; otherwise None."""
    task, dev = run.task, run.scored_dev
    counts = baseline.measure(dev)
    for name in (task.options.dev_metric, *task.definition.metrics):
        if name in counts:
            own = task.predictor.dev_score(run.network, dev, name)
            other = corpus_score(METRICS[name], counts[name])
            better = other > own if METRICS[name].higher_is_better else other < own
            return 0.0 if better else None
    return None


def is_worse(run: TrainingRun, joint: nn.Module, dev: Any) -> bool:
    """Whether the dev score is worse than the network's alone."""
    name = run.task.options.dev_metric
    alone, together = (
        run.task.predictor.dev_score(each, dev, name) for each in (run.network, joint)
    )
    return together < alone if METRICS[name].higher_is_better else together > alone
