"""Interpolates network and baseline after training, if that is better on the dev set."""

from __future__ import annotations

from typing import Any

from torch import nn

from ostinato.commands.run.splits import OVERLAP_SHARE
from ostinato.commands.run.training_run import TrainingRun
from ostinato.metrics import METRICS
from ostinato.notices import notify, silence_notices
from ostinato.tasks import run_folder
from ostinato.tasks.shared.joint_labels import choose_weight


def join_baseline(run: TrainingRun) -> nn.Module | None:
    """Interpolates the network with its baseline, and saves the weight in the run folder.

    Returns:
        The interpolation; None with --alone, or if it is not better on the dev set.
    """
    task, network, dev = run.task, run.network, run.scored_dev
    if task.options.closed_form or getattr(task.options, "alone", True):
        return None
    baseline = run_folder.load_baseline(run.folder, task)
    other = None if baseline is None else task.predictor.join(network, baseline, 0.0)
    if baseline is None or other is None:
        return None
    if task.reader.overlap(run.splits.dev, run.splits.train) > OVERLAP_SHARE:
        return None  # a baseline has memorised examples that it was fitted to
    with silence_notices():
        chosen = choose_weight(
            task.predictor.unit_log_probabilities(network, dev),
            task.predictor.unit_log_probabilities(other, dev),
        )
        if not chosen.helps:
            return None
        joint = task.predictor.join(network, baseline, chosen.weight)
        if joint is None or is_worse(run, joint, dev):
            return None
    run_folder.save_weight(run.folder, chosen.weight)
    notify(
        f"the network is interpolated with its baseline ({baseline.name}): weight of the network "
        f"{chosen.weight:.2f}, from the dev set; --alone disables it"
    )
    return joint


def is_worse(run: TrainingRun, joint: nn.Module, dev: Any) -> bool:
    """Whether the dev score is worse than the network's alone."""
    name = run.task.options.dev_metric
    alone, together = (
        run.task.predictor.dev_score(each, dev, name) for each in (run.network, joint)
    )
    return together < alone if METRICS[name].higher_is_better else together > alone
