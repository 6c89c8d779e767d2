"""F1, from 0 to 1: the harmonic mean of precision and recall.

With several classes their unweighted mean (macro F1), so that rare classes count as much as
frequent ones. With one class (such as a tagger's spans) it is the usual F1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import ndarray

higher_is_better = True
bounds = (0.0, 1.0)


def count(prediction: Sequence[bool], reference: Sequence[bool]) -> tuple[int, ...]:
    """(true positives, predicted, actual) of each class.

    count([1, 0], [1, 1]) -> (1, 1, 1, 0, 0, 1)

    Args:
        prediction: For each class, whether it was predicted.
        reference: For each class, whether the example has it.

    Raises:
        ValueError: They differ in length.
    """
    if len(prediction) != len(reference):
        raise ValueError(
            "f1 needs as many classes in prediction and reference; "
            f"got {len(prediction)} and {len(reference)}"
        )
    return tuple(
        number
        for given, true in zip(prediction, reference, strict=True)
        for number in (int(given and true), int(given), int(true))
    )


def score(total: Sequence[float]) -> float:
    """score((1, 1, 1, 0, 0, 1)) -> 0.5: the mean over classes that occur; 0 if there are none."""
    classes = zip(total[::3], total[1::3], total[2::3], strict=True)
    each = [2 * right / (found + there) for right, found, there in classes if found + there]
    return float(sum(each) / len(each)) if each else 0.0


def count_labels(
    prediction: Sequence[int] | ndarray,
    reference: Sequence[int] | ndarray,
    classes: Sequence[int],
) -> tuple[int, ...]:
    """The same of many examples with one label each: count_labels([0, 1], [1, 1], [1]) -> (1, 1, 2)

    Raises:
        ValueError: Prediction and reference differ in length.
    """
    import numpy as np

    given, true = np.asarray(prediction), np.asarray(reference)
    if given.shape != true.shape:
        raise ValueError(
            f"f1 needs a label for each in the reference; got {given.size} for {true.size}"
        )
    return tuple(
        int(number)
        for each in classes
        for number in (
            ((given == each) & (true == each)).sum(),
            (given == each).sum(),
            (true == each).sum(),
        )
    )
