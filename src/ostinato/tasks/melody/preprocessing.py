"""Preprocessing of tunes: voices, labels, metres and openings; tunes as examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

from ostinato.data.batching.batch import Example
from ostinato.data.files.wording import format_counts
from ostinato.data.music.tunes import END, Tune, chords_of, events_of, steps_in_bar, to_c
from ostinato.errors import InputError, option_name
from ostinato.notices import notify
from ostinato.tasks.melody.features import StepFeatures, transpose_to_c
from ostinato.tasks.melody.markov import fit_counting_models, model_tensors
from ostinato.tasks.melody.options import MelodyOptions
from ostinato.tasks.preprocessing import Preprocessing
from ostinato.tasks.shared.ngram_network import allocate_tensors, describe_tensors

HIDDEN_LABELS = 0.1  # share of the labels hidden in training, for generation without a label
POLYPHONIC = 0.05  # with this share of steps of several notes, steps are chords
MOST_OPENINGS = 500  # openings kept for each label
LONGEST_BAR = 400  # steps; there are no position features for longer bars

Value = TypeVar("Value")


@dataclass(frozen=True)
class MelodyPreprocessing(Preprocessing):
    """Statistics of the training tunes, and the encoding of tunes.

    Args:
        options: The task's options.
        chords: Whether a step is a chord; otherwise it is an event of a single voice.
        labels: The labels that condition the model.
        metres: The most frequent metre of each label; "" is the key for all tunes.
        bar_lengths: The lengths of the bars of the metres that occur, in steps.
        openings: The openings of the tunes of each label, and of all tunes under "": lists
            [steps of rest, first pitch]; empty for chords.
        model_tensors: The counts of a closed-form model; zeros until its weights are loaded.
    """

    options: MelodyOptions
    chords: bool
    labels: list[str]
    metres: dict[str, str]
    bar_lengths: list[int]
    openings: dict[str, list[list[int]]] = field(repr=False)
    model_tensors: dict[str, Tensor] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def fit(cls, options: MelodyOptions, records: Sequence[Tune]) -> tuple[MelodyOptions, Self]:
        share = share_of_chords(records)
        chords = options.voices == "chords" or (options.voices == "auto" and share > POLYPHONIC)
        notify(
            f"{len(records):,} tunes of {sum(tune.steps for tune in records):,} steps, learned as "
            f"{'chords' if chords else 'one note at a time'} "
            f"(notes sound together on {share:.0%} of the steps)"
        )
        labels = [] if options.condition is None else find_labels(records, options.condition)
        of_label = {"": list(records)}
        of_label |= {name: [tune for tune in records if tune.label == name] for name in labels}
        metres = {
            name: most_frequent(tune.metre for tune in tunes) for name, tunes in of_label.items()
        }
        openings = {
            name: [] if chords else find_openings(options, tunes)
            for name, tunes in of_label.items()
        }
        return options, cls(
            options,
            chords=chords,
            labels=labels,
            metres=metres,
            bar_lengths=find_bar_lengths(options, records) if options.bar_position else [],
            openings=openings,
            model_tensors=count_tunes(options, records, chords) if options.closed_form else None,
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "chords": self.chords,
            "labels": self.labels,
            "metres": self.metres,
            "bar_lengths": self.bar_lengths,
            "openings": self.openings,
            "counted": None if self.model_tensors is None else describe_tensors(self.model_tensors),
        }

    @classmethod
    def from_dict(cls, options: MelodyOptions, state: dict[str, Any]) -> Self:
        shapes = state.get("counted")
        return cls(
            options,
            chords=bool(state["chords"]),
            labels=list(state["labels"]),
            metres=dict(state["metres"]),
            bar_lengths=list(state["bar_lengths"]),
            openings=dict(state["openings"]),
            model_tensors=None if shapes is None else allocate_tensors(shapes),
        )

    @cached_property
    def features(self) -> StepFeatures:
        return StepFeatures(
            self.chords, self.labels, self.bar_lengths, self.options.steps_per_quarter
        )

    @property
    def varies(self) -> bool:
        return bool(self.options.transpose or self.labels) and not self.options.closed_form

    def trainable_records(self, records: Sequence[Tune]) -> list[Tune]:
        """The tunes; those longer than --maximum-steps are split."""
        return [part for record in records for part in record.parts(self.options.maximum_steps)]

    def normalise(self, tune: Tune) -> Tune:
        """Transposes a tune to the key that the network learns: C with --normalise-key, else its
        own.
        """
        return normalise_key(self.options, tune)

    def key_shift(self, tune: Tune) -> int:
        """Semitones from the key that the network learns back to the tune's own."""
        return -to_c(tune) if self.options.normalise_key and tune.notes else 0

    def steps_of(self, tune: Tune) -> np.ndarray:
        """The steps of a tune as the network learns them: events [T] or chords [T, P] bool."""
        return chords_of(tune) if self.chords else events_of(tune)

    def encode(self, record: Tune, *, draw: int | None = None) -> Example:
        tune, label = self.normalise(record), record.label
        if draw is not None:
            random = np.random.default_rng(draw)
            tune = tune.transposed(int(random.choice(tune.room(self.options.transpose))))
            label = "" if random.random() < HIDDEN_LABELS else label
        played = self.steps_of(tune)
        if not self.chords and tune.ends:
            played = np.append(played, END)
        steps = np.arange(tune.offset, tune.offset + max(1, len(played)))
        inputs = self.features.encode(
            played[:-1] if len(played) else played, label, tune.metre, steps
        )
        targets = torch.from_numpy(played.astype(np.int8 if self.chords else np.int64))
        return Example(inputs[: len(played)], targets)  # [T, D], and [T] or [T, P]


def normalise_key(options: MelodyOptions, tune: Tune) -> Tune:
    """Transposes a tune to C major or A minor with --normalise-key; otherwise unchanged."""
    return transpose_to_c(tune) if options.normalise_key else tune


def find_labels(records: Sequence[Tune], condition: str) -> list[str]:
    """The labels of the training tunes, with a notice; InputError if there are none."""
    labels = [tune.label for tune in records if tune.label]
    if not labels:
        raise InputError(
            f"{option_name('condition')} {condition}: no tune has such a label; give a folder "
            "for each label, a table "
            f"with the columns file and {condition}, or ABC with R: lines (genre)"
        )
    notify(f"{len(set(labels))} kinds: {format_counts(labels)}")
    return sorted(set(labels))


def find_bar_lengths(options: MelodyOptions, records: Sequence[Tune]) -> list[int]:
    """The lengths of the bars of the metres that occur, in steps, in ascending order."""
    lengths = {steps_in_bar(tune.metre, options.steps_per_quarter) for tune in records}
    return sorted(length for length in lengths if 0 < length < LONGEST_BAR)


def count_tunes(options: MelodyOptions, records: Sequence[Tune], chords: bool) -> dict[str, Tensor]:
    """The counts of the closed-form model that --model names."""
    tunes = [normalise_key(options, tune) for tune in records]
    models = fit_counting_models(tunes, chords=chords)
    return model_tensors(models.markov if options.model == "markov" else models.frequencies)


def find_openings(options: MelodyOptions, records: Sequence[Tune]) -> list[list[int]]:
    """The openings of tunes: the steps of rest, as before an upbeat, and the pitch of the first
    note.
    """
    first = [normalise_key(options, tune).notes[0] for tune in records if tune.notes]
    return [[note.start, note.pitch] for note in first[:MOST_OPENINGS]]


def share_of_chords(records: Sequence[Tune]) -> float:
    """The share of the steps with several notes."""
    together = sum(int((chords_of(tune).sum(1) > 1).sum()) for tune in records)
    return together / max(1, sum(tune.steps for tune in records))


def most_frequent(values: Iterable[Value]) -> Value:
    """The most frequent value; of several, the first."""
    return Counter(values).most_common(1)[0][0]
