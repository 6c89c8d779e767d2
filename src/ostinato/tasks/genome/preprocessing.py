"""Preprocessing of DNA: the vocabulary of labels, and sequences as examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch

from ostinato.baselines import bag_of_words
from ostinato.baselines.segmenters import count_segments
from ostinato.data.batching.batch import IGNORE, Example
from ostinato.data.batching.bptt_windows import BpttWindows
from ostinato.data.dna import nucleotides
from ostinato.data.dna.sequences import DnaSequence, cut_to_middle, encode_segments
from ostinato.data.files.wording import format_counts, pluralise
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.errors import InputError, nearest, option_name
from ostinato.notices import notify
from ostinato.tasks.genome.bag_features import (
    BagFeatures,
    encode_features,
    fit_features,
    restore_features,
)
from ostinato.tasks.genome.labels import (
    BACKGROUND_NAMES,
    collect_labels,
    weigh_labels,
)
from ostinato.tasks.genome.options import GenomeOptions
from ostinato.tasks.preprocessing import Preprocessing
from ostinato.tasks.shared.label_counts import encode_labels
from ostinato.tasks.unsuitable import Unsuitable

ONLY_SEQUENCES = ("k-mers", "weight-matrix", "feedforward")  # for labels of sequences only
ONLY_BASES = ("hmm",)  # for labels of bases only


@dataclass(frozen=True)
class GenomePreprocessing(Preprocessing):
    """The labels of sequences or of bases, their weights in the loss, and features.

    `coefficients` are the parameters of a closed-form model, for initialisation only."""

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
        per_base = records[0].segments is not None
        names = collect_labels(records)
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
        options = decide_options(options, records, per_base=per_base)
        notify_data(options, records, names)
        check_model(options, records, per_base=per_base)
        fitted = cls(
            options,
            Vocabulary(names, specials=()),
            per_base,
            names[0] if per_base and names[0] in BACKGROUND_NAMES else None,
            weigh_labels(options.class_weights, records, names),
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
            counts = [
                np.bincount(self.base_label_ids(record), minlength=labels) for record in records
            ]
            total = np.sum(counts, axis=0)  # [K]
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
        return [
            record.slice(start, min(start + window, len(record.bases)), margin)
            for record in records
            for start in range(0, len(record.bases), window)
        ]

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


def encode_ids(bases: str) -> torch.Tensor:
    """The ids of bases [T]; an empty sequence is read as "N", so that it has a prediction."""
    return torch.from_numpy(nucleotides.encode(bases or "N").astype(np.int64))


def vary_strand(example: Example, draw: int) -> Example:
    """Replaces an example by its reverse complement if `draw` is odd, and reverses its labels."""
    if draw % 2 == 0:
        return example
    ids = nucleotides.reverse_complement_ids(example.inputs.numpy()).astype(np.int64)
    targets = example.targets
    if targets is not None and targets.dim() > 0:
        targets = targets.flip(0)
    return Example(torch.from_numpy(ids), targets)


def decide_options(
    options: GenomeOptions, records: Sequence[DnaSequence], *, per_base: bool
) -> GenomeOptions:
    """Fills in dev metric, pooling, and the input length of a feed-forward network."""
    lengths = [len(record.bases) for record in records]
    fixed_length = options.fixed_length
    if options.model == "feedforward" and fixed_length is None:
        fixed_length = max(1, int(np.quantile(lengths, 0.95)))
    return replace(
        options,
        dev_metric=options.dev_metric or ("f1" if per_base else "accuracy"),
        pooling=options.pooling or ("middle" if len(set(lengths)) == 1 else "max"),
        fixed_length=fixed_length,
    )


def check_model(options: GenomeOptions, records: Sequence[DnaSequence], *, per_base: bool) -> None:
    """Raises Unsuitable for a model that cannot learn these labels or lengths."""
    if options.model in (ONLY_SEQUENCES if per_base else ONLY_BASES):
        needed = "one label a sequence" if per_base else "labels of bases"
        raise Unsuitable(f"{option_name('model')} {options.model} needs {needed}")
    lengths = {len(record.bases) for record in records}
    if options.model == "weight-matrix" and len(lengths) > 1:
        raise Unsuitable(
            f"{option_name('model')} weight-matrix needs sequences of one length; "
            f"these have {min(lengths):,} to {max(lengths):,} bases"
        )


def notify_data(
    options: GenomeOptions, records: Sequence[DnaSequence], names: Sequence[str]
) -> None:
    """Notifies of the number of examples of each label, and of sequences that are cut."""
    if records[0].segments is None:
        notify(f"{len(names)} labels: {format_counts([record.label for record in records])}")
        longer = sum(len(record.bases) > options.maximum_length for record in records)
        if longer:
            notify(
                f"{longer:,} sequences longer than {option_name('maximum_length')} "
                f"{options.maximum_length:,}: "
                "their middle is read"
            )
        return
    bases = sum(len(record.bases) for record in records)
    segments = sum(len(record.segments or ()) for record in records)
    notify(
        f"{bases:,} bases in {len(records):,} {pluralise('sequence', len(records))}, "
        f"{segments:,} {pluralise('segment', segments)}: {', '.join(names)}"
    )
