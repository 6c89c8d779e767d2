"""Labels as targets, their weights in the loss, their probabilities, and their metric counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.data.batching.batch import Example
from ostinato.data.files.wording import format_counts, pluralise
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.metrics import METRICS, confusion
from ostinato.notices import notify
from ostinato.tasks.prediction import Counts
from ostinato.tasks.shared.inference import answer_in_batches
from ostinato.tasks.shared.probability_network import require_probabilities


def split_labels(label: str, separator: str | None) -> list[str]:
    """The labels of an example: split_labels("a, b", ",") -> ["a", "b"]; without a separator, the
    whole text is one label.
    """
    if separator is None:
        return [label] if label else []
    return list(dict.fromkeys(part.strip() for part in label.split(separator) if part.strip()))


def encode_labels(labels: Sequence[str], known: Vocabulary, *, several: bool) -> Tensor | None:
    """The target of an example.

    Args:
        labels: The labels of the example.
        known: All labels of the model.
        several: Whether an example may have several labels.

    Returns:
        The id of the label, a scalar; with `several`, [C] with a 1 for each label; None without a
        known label.
    """
    if several:
        return torch.tensor([float(label in labels) for label in known.tokens])
    return torch.tensor(known.token_to_id(labels[0])) if labels and labels[0] in known else None


def weigh_classes(kind: str, counts: Mapping[str, int], known: Sequence[str]) -> list[float]:
    """The weight of each class in the loss; the mean weight over the examples is 1.

    A weight is the inverse class frequency ("balanced") or its square root ("root"); with "none"
    all are equal.
    """
    power = {"none": 0.0, "root": 0.5, "balanced": 1.0}[kind]
    raw = {label: counts[label] ** -power for label in known}
    mean = sum(raw[label] * counts[label] for label in known) / sum(counts.values())
    return [raw[label] / mean for label in known]


def is_grade(text: str) -> bool:
    """Whether a label can be a grade: a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def class_probabilities(
    network: nn.Module, examples: Sequence[Example], classes: int, *, tokens: int = 8192
) -> np.ndarray:
    """The probability of each class for each example, [N, C] float64; batches hold at most
    `tokens` padded tokens.
    """
    model = require_probabilities(network)
    rows = answer_in_batches(
        network,
        examples,
        lambda batch: model.probabilities(batch).double().cpu().numpy(),  # [B, C]
        empty=np.zeros(classes),
        tokens=tokens,
    )
    return np.stack(rows) if rows else np.zeros((0, classes))


def log_probability(given: Mapping[str, float], labels: Sequence[str], *, several: bool) -> float:
    """log P of these labels, given each label's probability; -inf for an unknown label.

    With `several`, of these labels and no others:
    log_probability({"a": 0.5, "b": 0.25}, ["a"], several=True) -> log(0.5 * 0.75)"""
    shares = [given.get(label, 0.0) for label in labels]
    if several:
        shares += [1 - value for label, value in given.items() if label not in labels]
    return sum(math.log(share) if share > 0 else -math.inf for share in shares)


def count_labels(
    chosen: Sequence[Sequence[str]],
    probabilities: Sequence[Mapping[str, float]],
    truths: Sequence[Sequence[str]],
    known: Sequence[str],
    *,
    several: bool,
) -> dict[str, list[Counts]]:
    """The counts of each example for accuracy, F1 and calibration error.

    Args:
        chosen: The labels predicted for each example.
        probabilities: Each label's probability for each example.
        truths: The true labels of each example; all unknown ones are one more class in F1.
        known: All labels of the model.
        several: Whether an example may have several labels.
    """
    counts: dict[str, list[Counts]] = {"accuracy": [], "f1": [], "calibration_error": []}
    for given, shares, truth in zip(chosen, probabilities, truths, strict=True):
        right = set(given) == set(truth)
        counts["accuracy"].append(METRICS["accuracy"].count(right, True))
        unknown = any(label not in known for label in truth)
        counts["f1"].append(
            METRICS["f1"].count(
                [*(label in given for label in known), False],
                [*(label in truth for label in known), unknown],
            )
        )
        counts["calibration_error"].append(count_calibration(shares, truth, right, several=several))
    return counts


def count_calibration(
    probabilities: Mapping[str, float], truth: Sequence[str], right: bool, *, several: bool
) -> Counts:
    """The counts of the calibration error for one example: of its predicted class or, with
    `several`, of the presence of every label.
    """
    count = METRICS["calibration_error"].count
    if not several:
        return count(max(probabilities.values()), right)
    each = [
        count(max(value, 1 - value), (value >= 0.5) == (label in truth))
        for label, value in probabilities.items()
    ]
    return tuple(map(sum, zip(*each, strict=True)))


def notify_unseen(labels: Sequence[str], known: Vocabulary) -> None:
    """Notifies of test labels that were not in the training data."""
    unseen = [label for label in labels if label not in known]
    if unseen:
        notify(
            f"{len(unseen):,} {pluralise('label', len(unseen))} unseen in training, counted as "
            f"wrong: {format_counts(unseen)}"
        )


def draw_confusion(
    answers: Sequence[str], truths: Sequence[str], known: Vocabulary
) -> Callable[[BinaryIO], None]:
    """A function that writes the confusion matrix as PNG."""
    matrix = confusion.confusion(answers, truths, known.tokens)
    return lambda file: confusion.draw(matrix, known.tokens).savefig(
        file, format="png", dpi=120, bbox_inches="tight"
    )
