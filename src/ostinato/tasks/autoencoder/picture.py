"""A figure of inputs above their reconstructions, and of the eigenvalues of the covariance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

import numpy as np

SHOWN = 10  # inputs
BARS = 100  # eigenvalues


def draw_reconstructions(
    inputs: Sequence[np.ndarray],
    reconstructions: Sequence[np.ndarray],
    shape: tuple[int, ...],
    eigenvalues: np.ndarray,
    code: int,
) -> Callable[[BinaryIO], object]:
    """A function that writes the PNG.

    Args:
        inputs, reconstructions: [T, D] each.
        shape: The shape [H, W] or [H, W, C] of images, otherwise empty.
        eigenvalues: The eigenvalues of the training inputs' covariance; may be empty.
        code: The dimension of the code, and the number of eigenvalues that a linear code keeps.
    """
    every = max(1, len(inputs) // SHOWN)
    chosen = range(0, len(inputs), every)[:SHOWN]

    def write(file: BinaryIO) -> None:
        from matplotlib.figure import Figure

        with_values = bool(len(eigenvalues))
        figure = Figure(figsize=(1.1 * SHOWN, 4.8 if with_values else 2.4), layout="constrained")
        rows = 3 if with_values else 2
        grid = figure.add_gridspec(rows, SHOWN, height_ratios=[1, 1, 1.6][:rows])
        for column, number in enumerate(chosen):
            for row, values in enumerate((inputs[number], reconstructions[number])):
                axes = figure.add_subplot(grid[row, column])
                draw_one(axes, values, shape, inputs[number])
                if column == 0:
                    axes.set_ylabel(("input", "output")[row], fontsize=8)
        if with_values:
            draw_eigenvalues(figure.add_subplot(grid[2, :]), eigenvalues[:BARS], code)
        figure.savefig(file, format="png", dpi=110)

    return write


def draw_one(axes: Any, values: np.ndarray, shape: tuple[int, ...], like: np.ndarray) -> None:
    """Draws values [T, D] as an image or as lines, on the scale of the original `like`."""
    axes.set_xticks([])
    axes.set_yticks([])
    low, high = float(like.min(initial=0.0)), float(like.max(initial=0.0))
    high = high if high > low else low + 1.0
    if shape:
        image = values.reshape(shape)
        if image.ndim == 3 and image.shape[2] == 1:
            image = image[..., 0]
        if image.ndim == 3 and image.shape[2] == 3:
            axes.imshow(np.clip((image - low) / (high - low), 0, 1))
        else:
            axes.imshow(
                image if image.ndim == 2 else image[..., 0], cmap="gray", vmin=low, vmax=high
            )
        return
    # a single row is one line over its values; a sequence has a line over time for each value
    axes.plot(values[0] if len(values) == 1 else values, linewidth=0.8)
    margin = 0.1 * (high - low)
    axes.set_ylim(low - margin, high + margin)


def draw_eigenvalues(axes: Any, eigenvalues: np.ndarray, code: int) -> None:
    """Draws the eigenvalues as bars; those that a linear code discards are grey."""
    places = np.arange(1, len(eigenvalues) + 1)
    colours = ["#0072b2" if place <= code else "#bbbbbb" for place in places]
    axes.bar(places, eigenvalues, color=colours)
    axes.set_xlabel(
        f"eigenvalues of the covariance; blue: kept by a linear code of {code}", fontsize=8
    )
    axes.tick_params(labelsize=7)
