"""A class sample: some of many examples, of each class its share."""

from __future__ import annotations

import numpy as np


def sample_classes(classes: np.ndarray, most: int) -> np.ndarray:
    """Rows of about `most` examples, drawn at random with a fixed seed, each class as frequent as
    among all and with one example at least, in order.

    Drawn rather than every n-th: files often have their classes in turn.
    """
    if len(classes) <= most:
        return np.arange(len(classes))
    random = np.random.default_rng(0)
    kept = []
    for each in np.unique(classes):
        rows = np.flatnonzero(classes == each)
        number = max(1, round(most * len(rows) / len(classes)))
        kept.append(random.choice(rows, number, replace=False))
    return np.sort(np.concatenate(kept))
