"""Preprocessing of DNA: the vocabulary of labels, and sequences as examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch

from ostinato.baselines import bag_of_words
from ostinato.baselines.segmenters import count_segments
from ostinato.data.batching.batch import IGNORE, Example
from ostinato.data.batching.bptt_windows import BpttWindows, LongExamples
from ostinato.data.batching.bptt_windows import Window as BpttWindow
from ostinato.data.dna import nucleotides
from ostinato.data.dna.sequences import DnaSequence, cut_to_middle, encode_segments
from ostinato.data.dna.stored_sequences import StoredSequences
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.errors import InputError, nearest, option_name
from ostinato.tasks.genome.bag_features import (
    BagFeatures,
    encode_features,
    fit_features,
    restore_features,
)
from ostinato.tasks.genome.data_summary import DataSummary
from ostinato.tasks.genome.decisions import check_model, decide_options, notify_data
from ostinato.tasks.genome.labels import BACKGROUND_NAMES
from ostinato.tasks.genome.options import GenomeOptions
from ostinato.tasks.preprocessing import Preprocessing
from ostinato.tasks.shared.label_counts import encode_labels


@dataclass(frozen=True)
class GenomePreprocessing(Preprocessing):
    """The labels of sequences or of bases, their weights in the loss, and features.

    `coefficients` are the parameters of a closed-form model, for initialisation only."""

    encoding_options: ClassVar = ("model", "kmer", "maximum_length", "masked", "reverse_complement")

    options: GenomeOptions
    labels: Vocabulary
    per_base: bool
    background: str | None  # the label of bases outside segments; None for labels of sequences
    class_weights: list[float]
    features: BagFeatures | None = None
    coefficients: tuple[np.ndarray, ...] = field(default=(), repr=False)

    @classmethod
    def fit(
        cls, options: GenomeOptions, records: Sequence[DnaSequence]
    ) -> tuple[GenomeOptions, Self]:
        summary = DataSummary.of(records)
        per_base, names = summary.per_base, summary.names
        if len(names) < 2:
            raise InputError(
                f"only the label {names[0]!r} is left to learn from once a dev set is held out; "
                f"give {option_name('dev')}, or more examples"
            )
        if options.positive is not None and options.positive not in names:
            raise InputError(
                f"{option_name('positive')} {options.positive}: no such "
                f"label{nearest(options.positive, names)}"
            )
        options = decide_options(options, summary)
        notify_data(options, summary)
        check_model(options, summary)
        fitted = cls(
            options,
            Vocabulary(names, specials=()),
            per_base,
            names[0] if per_base and names[0] in BACKGROUND_NAMES else None,
            summary.weigh_labels(options.class_weights),
            fit_features(options, (record.bases for record in records)),
        )
        if options.closed_form:
            fitted = replace(fitted, coefficients=fitted.solve(records))
        return options, fitted

    def solve(self, records: Sequence[DnaSequence]) -> tuple[np.ndarray, ...]:
        """Fits a closed-form model; returns its counts, frequencies, or scikit-learn's
        coefficients.
        """
        options, labels = self.options, len(self.labels)
        if options.model == "hmm":
            letters = nucleotides.letter_table(options.masked)
            pairs = (
                (letters[nucleotides.encode(record.bases)], self.base_label_ids(record))
                for record in records
            )
            order = options.kmer or 5
            return count_segments(pairs, labels, order=order, letters=int(letters.max()) + 1)
        if self.per_base:
            total = np.zeros(labels, np.int64)  # [K]
            for record in records:
                total += np.bincount(self.base_label_ids(record), minlength=labels)
            return (total / total.sum(),)
        truth = np.array([self.labels.token_to_id(record.label) for record in records])
        if self.features is None:
            return (np.bincount(truth, minlength=labels) / len(truth),)
        weighted = options.class_weights != "none"
        return bag_of_words.fit_logistic_regression(
            [self.features.vector(record.bases) for record in records],
            truth,
            len(self.features.bag),
            labels,
            strength=options.strength,
            weights=dict(enumerate(self.class_weights)) if weighted else None,
        )

    def vocabulary(self, side: str) -> Sequence[str]:
        return self.labels.tokens if side == "targets" else ()

    def input_labels(self, record: DnaSequence) -> Sequence[str]:
        return list(record.bases)

    def to_dict(self) -> dict[str, Any]:
        return {
            "labels": self.labels.to_dict(),
            "whole": not self.per_base,
            "background": self.background,
            "weights": self.class_weights,
            "bag": None if self.features is None else self.features.bag.to_dict(),
        }

    @classmethod
    def from_dict(cls, options: GenomeOptions, state: dict[str, Any]) -> Self:
        return cls(
            options,
            Vocabulary.from_dict(state["labels"]),
            not state["whole"],
            state["background"],
            state["weights"],
            restore_features(options, state["bag"]),
        )

    # the labels

    @property
    def foreground(self) -> list[int]:
        """The ids of the labels over which F1 is averaged: all but the background."""
        return [id for id, label in enumerate(self.labels.tokens) if label != self.background]

    @property
    def ranked(self) -> list[int]:
        """The ids of the labels over which auroc and auprc are averaged.

        Of two labels the positive one, or the one that is not the background; of more, all but
        the background.
        """
        if len(self.labels) > 2 or self.background is not None:
            return self.foreground
        positive = self.options.positive
        return [self.labels.token_to_id(positive) if positive else 1]

    def base_label_ids(self, record: DnaSequence) -> np.ndarray:
        """The label id of each base [T]; len(labels) for an unknown label."""
        background = 0 if self.background is None else self.labels.token_to_id(self.background)
        return encode_segments(record, self.labels.token_ids, background)

    # sequences as examples

    @property
    def carries_state(self) -> bool:
        """Whether the hidden state is carried from window to window."""
        options = self.options
        return self.per_base and options.model == "recurrent" and not options.bidirectional

    @property
    def varies(self) -> bool:
        return self.options.reverse_complement

    def encode(self, record: DnaSequence, *, draw: int | None = None) -> Example:
        if self.per_base:
            example = self.encode_bases(record)
        else:
            target = encode_labels([record.label], self.labels, several=False)
            if self.features is not None:
                return Example(encode_features(self.features, record.bases), target)
            bases = cut_to_middle(record.bases, self.options.maximum_length)
            example = Example(encode_ids(bases), target)
        return example if draw is None or not self.varies else vary_strand(example, draw)

    def encode_bases(self, record: DnaSequence) -> Example:
        """Encodes a sequence with a target per base; margins and unknown labels have none
        (-100).
        """
        targets = self.base_label_ids(record)  # [T]
        targets[targets == len(self.labels)] = IGNORE
        left, right = record.margins
        targets[:left] = IGNORE
        targets[len(targets) - right :] = IGNORE
        return Example(encode_ids(record.bases), torch.from_numpy(targets))

    def trainable_records(self, records: Sequence[DnaSequence]) -> Sequence[DnaSequence]:
        """The records, for labels of bases split into windows with margins unless state is
        carried.
        """
        if not self.per_base or self.carries_state:
            return records
        window, margin = self.options.window, self.options.margin
        if isinstance(records, StoredSequences):
            return records.split(window, margin)
        return [
            record.slice(start, min(start + window, len(record.bases)), margin)
            for record in records
            for start in range(0, len(record.bases), window)
        ]

    def measure_examples(
        self, records: Sequence[DnaSequence]
    ) -> tuple[np.ndarray, np.ndarray] | None:
        if not isinstance(records, StoredSequences):
            return None
        return records.lengths, records.lengths

    def batches(
        self,
        records: Sequence[DnaSequence],
        *,
        batch_size: int | None,
        batch_tokens: int | None,
        seed: int,
    ) -> BpttWindows | None:
        """Batches that continue from window to window (truncated BPTT), if the state is carried."""
        if not self.carries_state:
            return None
        examples: LongExamples | list[Example]
        if isinstance(records, StoredSequences):
            examples = StoredBases(records, self)
        else:
            examples = [  # small integer types, since all sequences are in memory at once
                Example(
                    torch.from_numpy(nucleotides.encode(record.bases)),
                    torch.from_numpy(self.base_label_ids(record).astype(np.int16)),
                )
                for record in records
            ]
        return BpttWindows(
            examples,
            steps=self.options.window,
            batch_size=batch_size or 32,
            seed=seed,
            vary=vary_strand if self.varies else None,
        )


class StoredBases:
    """Sequences on disk as long examples, of which a few steps are read at a time."""

    def __init__(self, records: StoredSequences, preprocessing: GenomePreprocessing):
        self.records, self.preprocessing = records, preprocessing
        self.lengths: Sequence[int] = records.lengths.tolist()

    def read(self, window: BpttWindow, draw: int, start: int, end: int) -> Example:
        size = window.end - window.start
        start, end = min(start, size), min(end, size)
        swaps = self.preprocessing.varies and is_reverse(draw)
        if swaps:  # the first bases of the other strand are the last of this one
            start, end = size - end, size - start
        part = self.records.cut(window.example, window.start + start, window.start + end)
        ids = torch.from_numpy(nucleotides.encode(part.bases).astype(np.int64))
        targets = torch.from_numpy(self.preprocessing.base_label_ids(part))
        example = Example(ids, targets)
        return vary_strand(example, draw) if swaps else example


def is_reverse(draw: int) -> bool:
    """Whether a variation is the reverse complement."""
    return draw % 2 == 1


def encode_ids(bases: str) -> torch.Tensor:
    """The ids of bases [T]; an empty sequence is read as "N", so that it has a prediction."""
    return torch.from_numpy(nucleotides.encode(bases or "N").astype(np.int64))


def vary_strand(example: Example, draw: int) -> Example:
    """Replaces half of the examples by their reverse complement, and reverses their labels."""
    if not is_reverse(draw):
        return example
    ids = nucleotides.reverse_complement_ids(example.inputs.numpy()).astype(np.int64)
    targets = example.targets
    if targets is not None and targets.dim() > 0:
        targets = targets.flip(0)
    return Example(torch.from_numpy(ids), targets)
