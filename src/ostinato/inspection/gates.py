"""What gates do: how open they are on average, and how often they are closed or open."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ostinato.layers.trace import Trace
from ostinato.padding import padding_mask

SHUT, OPEN = 0.1, 0.9


class GateSummary(NamedTuple):
    """One gate or state of one layer, over all real steps and units.

    Attributes:
        layer: From 0.
        direction: 0 forward, 1 backward.
        name: Of the gate or state.
        mean: The mean value.
        deviation: The standard deviation.
        shut: The fraction of values below 0.1.
        open: The fraction of values above 0.9.
    """

    layer: int
    direction: int
    name: str
    mean: float
    deviation: float
    shut: float
    open: float


def summarise(trace: Trace, lengths: Tensor | None = None) -> list[GateSummary]:
    """How open each gate is.

    A unit whose forget gate is nearly always open carries information over long distances.

    Source: Karpathy, Johnson and Fei-Fei, Visualizing and understanding recurrent networks, 2015,
    section 4.2.

    Args:
        trace: Of a recurrent layer.
        lengths: The real steps of each row [B]; None if all are full.

    Returns:
        A GateSummary for each gate and state of each layer and direction.
    """
    rows = []
    for index, named in enumerate(trace.steps):
        for name, values in named.items():
            if lengths is not None:
                values = values[
                    padding_mask(torch.as_tensor(lengths), values.shape[1], values.device)
                ]
            values = values.detach().double().flatten()
            if not len(values):
                continue
            shut, wide = (values < SHUT).double().mean(), (values > OPEN).double().mean()
            statistics = (values.mean(), values.std(correction=0), shut, wide)
            rows.append(
                GateSummary(
                    *divmod(index, trace.directions),
                    name,
                    *(float(number) for number in statistics),
                )
            )
    return rows


def draw(
    trace: Trace,
    path: str | Path,
    *,
    row: int = 0,
    layer: int = 0,
    direction: int = 0,
    labels: list[str] | None = None,
) -> None:
    """Plots the gates and states of one sequence: a panel each, units downwards, steps across.

    Args:
        trace: Of a recurrent layer.
        path: The image file.
        row: Which sequence of the batch.
        layer: Which layer.
        direction: 0 forward, 1 backward.
        labels: A label for each step; default: all steps, without labels.
    """
    from matplotlib.figure import Figure

    named = trace.layer(layer, direction)
    steps = len(labels) if labels else next(iter(named.values())).shape[1]
    figure = Figure(figsize=(max(6.0, 0.25 * steps), 1.8 * len(named)), layout="constrained")
    for axes, (name, values) in zip(
        figure.subplots(len(named), squeeze=False)[:, 0], named.items(), strict=True
    ):
        values = values[row, :steps].detach().float().T.cpu()
        signed = bool((values < 0).any())
        image = axes.imshow(
            values.numpy(),
            aspect="auto",
            interpolation="nearest",
            cmap="RdBu_r" if signed else "viridis",
            vmin=-1 if signed else 0,
            vmax=1,
        )
        figure.colorbar(image, ax=axes)
        axes.set_ylabel(name)
        axes.set_xticks(range(steps) if labels else [], labels or [], rotation=90 if labels else 0)
    figure.savefig(path)
