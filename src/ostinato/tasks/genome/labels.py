"""The labels of a data set: their names, the background, and their weights in the loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ostinato.data.dna.sequences import DnaSequence
from ostinato.tasks.shared.class_scores import natural_key, natural_order

BACKGROUND = "background"  # the label of bases outside all segments
# names of the background in files that label every base
BACKGROUND_NAMES = (BACKGROUND, ".", "-", "_", "0", "O")


def collect_labels(records: Sequence[DnaSequence]) -> list[str]:
    """All labels in natural order (1, 2, 10), for labels of bases with the background first."""
    if records[0].segments is None:
        return natural_order({record.label for record in records})
    names = {segment.label for record in records for segment in record.segments or ()}
    if any(count_labelled(record) < len(record.bases) for record in records):
        names.add(BACKGROUND)
    return sorted(names, key=lambda name: (name not in BACKGROUND_NAMES, natural_key(name)))


def count_labelled(record: DnaSequence) -> int:
    """The number of bases inside segments."""
    return sum(segment.end - segment.start for segment in record.segments or ())


def labels_of(record: DnaSequence) -> list[str]:
    """The label of a sequence, or that of each of its segments."""
    if record.segments is None:
        return [record.label]
    return [segment.label for segment in record.segments]


def weigh_labels(kind: str, records: Sequence[DnaSequence], names: Sequence[str]) -> list[float]:
    """The weight of each label in the loss; the mean weight over all sequences or bases is 1.

    Args:
        kind: "balanced", the inverse frequency; "root", its square root; "none", equal weights.
        records: The training data.
        names: All labels; bases outside segments count as the first.
    """
    counts: Counter[str] = Counter()
    for record in records:
        if record.segments is None:
            counts[record.label] += 1
            continue
        for segment in record.segments:
            counts[segment.label] += segment.end - segment.start
        counts[names[0]] += len(record.bases) - count_labelled(record)
    frequencies = np.array([counts[name] for name in names], dtype=np.float64)  # [K]
    weights = frequencies ** -{"none": 0.0, "root": 0.5, "balanced": 1.0}[kind]
    return (weights * frequencies.sum() / (weights * frequencies).sum()).tolist()
