"""Averages of the gates of a network on one batch, for the log of a training run."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ostinato.data.batching.batch import Batch
from ostinato.inspection.gates import OPEN, SHUT
from ostinato.inspection.recording import LayerRun, record
from ostinato.inspection.selection import name_run
from ostinato.models.inspectable import CHARACTERS, Inspectable

Averages = dict[str, dict[str, list[float]]]  # {layer: {gate: [mean, share shut, share open]}}


def measure_gates(network: nn.Module, batch: Batch) -> Averages:
    """The gates of every layer and direction, over all rows, real steps and units of a batch.

    Of the states the sizes |h| count: a unit of a vanilla network is saturated above 0.9.

    Args:
        network: In evaluation mode.
        batch: With targets.

    Returns:
        {"encoder, layer 0": {"forget": [mean, share below 0.1, share above 0.9]}}; nothing for a
        network without recurrent layers.
    """
    if not isinstance(network, Inspectable):
        return {}
    parts = [part for part in network.recurrent_parts() if part.reads != CHARACTERS]
    if not parts:
        return {}
    # the state of the random numbers stays, so that looking does not change the run
    with torch.no_grad(), torch.random.fork_rng(devices=[]), record(parts) as recording:
        network.loss(batch)
    return {
        name_run(part, run): average_run(run)
        for part in recording.parts.values()
        for run in part.runs
    }


def average_run(run: LayerRun) -> dict[str, list[float]]:
    """[mean, share shut, share open] of each gate, and of the sizes of the states."""
    found: dict[str, Any] = {}
    rows = [run.values(row) for row in range(len(run.x))]
    for name in rows[0]:
        values = torch.cat([row[name].flatten() for row in rows])
        found[name] = summarise_values(values if name in run.gate_names else values.abs())
    return found


def summarise_values(values: Tensor) -> list[float]:
    """[mean, share below 0.1, share above 0.9], rounded for a log."""
    shares = (values.mean(), (values < SHUT).float().mean(), (values > OPEN).float().mean())
    return [round(float(each), 5) for each in shares]
