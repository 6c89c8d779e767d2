"""Labels as a classifier needs them: as targets, as weights, and counted against its answers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.data.batching.batch import by_length, collate
from ostinato.data.files.wording import format_counts, pluralise
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.metrics import METRICS, confusion
from ostinato.tasks.legacy import Counts, Prediction, Record

if TYPE_CHECKING:
    from ostinato.tasks.genome.task import Genome


def targets_of(labels: Sequence[str], known: Vocabulary, many: bool) -> Tensor | None:
    """The label's number, or with `many` a 1 in the place of each label; None where there is nothing to learn from."""
    if many:
        return torch.tensor([float(label in labels) for label in known.tokens])
    return torch.tensor(known.token_to_id(labels[0])) if labels and labels[0] in known else None


def weights_of(kind: str, labels: Sequence[Sequence[str]], known: Sequence[str]) -> list[float]:
    """How much an example of each class counts, 1 in the mean over the examples: "balanced" is one over its frequency,
    "root" the root of that, "none" the same for all."""
    counts = Counter(label for each in labels for label in each)
    power = {"none": 0.0, "root": 0.5, "balanced": 1.0}[kind]
    raw = {label: counts[label] ** -power for label in known}
    mean = sum(raw[label] * counts[label] for label in known) / sum(counts.values())
    return [raw[label] / mean for label in known]


def is_number(text: str) -> bool:
    """Whether a label can be a grade."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


@torch.inference_mode()
def probabilities(
    task: Genome,
    network: nn.Module,
    records: Sequence[Record],
    *,
    tokens: int = 8192,
) -> np.ndarray:
    """What the network gives each of its labels, [N, C], in batches of at most so many tokens, padding counted."""
    examples = [task.encode(record)._replace(targets=None) for record in records]
    device = next(network.parameters()).device
    found = np.zeros((len(records), len(task.labels)), dtype=np.float64)
    for rows in by_length(examples, tokens=tokens):
        found[rows] = (
            network.probabilities(collate([examples[row] for row in rows]).to(device))
            .double()
            .cpu()
            .numpy()
        )
    return found


def log_probability(given: Mapping[str, float], labels: Sequence[str], many: bool) -> float:
    """log P of these labels, given each one's probability; minus infinity for one that is not known.

    With `many`, that of these and of no others: log_probability({"a": 0.5, "b": 0.25}, ["a"], True) -> log(0.5 * 0.75)"""
    shares = [given.get(label, 0.0) for label in labels]
    if many:
        shares += [1 - value for label, value in given.items() if label not in labels]
    return sum(math.log(share) if share > 0 else -math.inf for share in shares)


def count_answers(
    predictions: Sequence[Prediction],
    truths: Sequence[Sequence[str]],
    known: Sequence[str],
    separator: str | None,
) -> dict[str, list[Counts]]:
    """What accuracy, F1 and calibration count of each answer; labels that are not known are a class of their own in F1."""
    counts: dict[str, list[Counts]] = {"accuracy": [], "f1": [], "calibration_error": []}
    for prediction, truth in zip(predictions, truths, strict=True):
        given = prediction.text.split(separator) if separator else [prediction.text]
        right = set(filter(None, given)) == set(truth)
        counts["accuracy"].append(METRICS["accuracy"].count(right, True))
        strange = any(label not in known for label in truth)
        has = (
            [*(label in given for label in known), False],
            [*(label in truth for label in known), strange],
        )
        counts["f1"].append(METRICS["f1"].count(*has))
        counts["calibration_error"].append(
            calibration(prediction.details["probabilities"], truth, right, many=bool(separator))
        )
    return counts


def calibration(
    probabilities: dict[str, float], truth: Sequence[str], right: bool, *, many: bool
) -> Counts:
    """Of one answer among several classes; or of each label's yes or no."""
    count = METRICS["calibration_error"].count
    if not many:
        return count(max(probabilities.values()), right)
    each = [
        count(max(value, 1 - value), (value >= 0.5) == (label in truth))
        for label, value in probabilities.items()
    ]
    return tuple(map(sum, zip(*each, strict=True)))


def note_unseen(notices: list[str], labels: Sequence[str], known: Vocabulary) -> None:
    """Says how many of a test set's labels no training example had."""
    unseen = [label for label in labels if label not in known]
    if unseen:
        notices.append(
            f"{len(unseen):,} {pluralise('label', len(unseen))} unseen in training, counted as wrong: {format_counts(unseen)}"
        )


def draw_confusion(
    answers: Sequence[str], truths: Sequence[str], known: Vocabulary
) -> Callable[[BinaryIO], None]:
    """What writes the picture of who is taken for whom."""
    matrix = confusion.confusion(answers, truths, known.tokens)
    return lambda file: confusion.draw(matrix, known.tokens).savefig(file, format="png", dpi=120)
