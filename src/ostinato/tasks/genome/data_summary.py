"""A summary of the training sequences, from one pass over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ostinato.data.dna.sequences import DnaSequence
from ostinato.data.dna.stored_sequences import StoredSequences
from ostinato.tasks.genome.labels import BACKGROUND, BACKGROUND_NAMES, count_labelled
from ostinato.tasks.shared.class_scores import natural_key, natural_order


@dataclass(frozen=True)
class DataSummary:
    """The labels and lengths of sequences.

    Args:
        per_base: Whether bases have labels.
        lengths: The bases of each sequence [N].
        counts: The sequences of each label, or the bases inside its segments.
        unlabelled: Bases outside segments.
        segments: The number of segments.
    """

    per_base: bool
    lengths: np.ndarray
    counts: Counter[str]
    unlabelled: int = 0
    segments: int = 0

    @classmethod
    def of(cls, records: Sequence[DnaSequence]) -> DataSummary:
        if isinstance(records, StoredSequences):
            counts, unlabelled, segments = records.count_labels()
            return cls(True, records.lengths, counts, unlabelled, segments)
        per_base = records[0].segments is not None
        lengths = np.empty(len(records), np.int64)
        counts, unlabelled, segments = Counter(), 0, 0
        for row, record in enumerate(records):
            lengths[row] = len(record.bases)
            if record.segments is None:
                counts[record.label] += 1
                continue
            for segment in record.segments:
                counts[segment.label] += segment.end - segment.start
            segments += len(record.segments)
            unlabelled += len(record.bases) - count_labelled(record)
        return cls(per_base, lengths, counts, unlabelled, segments)

    @cached_property
    def names(self) -> list[str]:
        """All labels in natural order (1, 2, 10), for labels of bases with the background first."""
        if not self.per_base:
            return natural_order(self.counts)
        names = {*self.counts, *([BACKGROUND] if self.unlabelled else [])}
        return sorted(names, key=lambda name: (name not in BACKGROUND_NAMES, natural_key(name)))

    def weigh_labels(self, kind: str) -> list[float]:
        """The weight of each label in the loss; the mean weight over all sequences or bases is 1.

        Bases outside segments count as the first label.

        Args:
            kind: "balanced", the inverse frequency; "root", its square root; "none", equal weights.
        """
        counts = self.counts.copy()
        counts[self.names[0]] += self.unlabelled
        frequencies = np.array([counts[name] for name in self.names], dtype=np.float64)  # [K]
        weights = frequencies ** -{"none": 0.0, "root": 0.5, "balanced": 1.0}[kind]
        return (weights * frequencies.sum() / (weights * frequencies).sum()).tolist()
