"""The confusion matrix (rows: true labels, columns: predicted labels) and its plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_ANNOTATED = 25  # classes; with more, the cells are too small for numbers


def confusion(
    predictions: Sequence[str], references: Sequence[str], labels: Sequence[str]
) -> np.ndarray:
    """Counts [C, C] of C labels; pairs with other labels are ignored.

    confusion(["a", "a"], ["a", "b"], ["a", "b"]) -> [[1, 0], [1, 0]]
    """
    ids = {label: index for index, label in enumerate(labels)}
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for given, true in zip(predictions, references, strict=True):
        if given in ids and true in ids:
            matrix[ids[true], ids[given]] += 1
    return matrix


def draw(matrix: np.ndarray, labels: Sequence[str]) -> Figure:
    """The matrix as a plot: colours are shares of the true class, numbers are counts."""
    from matplotlib.figure import Figure

    size = 2.5 + 0.45 * min(len(labels), 60)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    panel = figure.subplots()
    shares = matrix / np.maximum(1, matrix.sum(1, keepdims=True))
    figure.colorbar(
        panel.imshow(shares, cmap="Blues", vmin=0, vmax=1),
        ax=panel,
        label="share of the true class",
    )
    names = [label if len(label) <= 20 else label[:19] + "…" for label in labels]
    panel.set_xticks(range(len(labels)), names, rotation=90 if len(labels) > 6 else 0)
    panel.set_yticks(range(len(labels)), names)
    panel.set(xlabel="answer", ylabel="truth")
    if len(labels) <= MAX_ANNOTATED:
        for (row, column), number in np.ndenumerate(matrix):
            if number:
                panel.text(
                    column,
                    row,
                    str(number),
                    ha="center",
                    va="center",
                    color="white" if shares[row, column] > 0.5 else "black",
                )
    return figure
