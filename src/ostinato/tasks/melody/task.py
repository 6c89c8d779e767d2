"""Melody: tunes and chorales, made up, gone on with, and judged. One to many: of a kind that is asked for, if they have labels."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.cells import CELLS
from ostinato.data.batching.batch import Batch, Example, by_length, collate
from ostinato.data.files.wording import display_path, format_counts
from ostinato.data.music.abc_text import notes_text
from ostinato.data.music.music_files import Reading, prompt_tune
from ostinato.data.music.tunes import (
    END,
    EVENTS,
    PITCHES,
    Note,
    Tune,
    chords_of,
    events_of,
    steps_in_bar,
    to_c,
)
from ostinato.errors import InputError
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.models.chord_heads import EventHead, IndependentPitchHead, NoteSequenceHead
from ostinato.models.ensemble import MusicEnsemble
from ostinato.models.music import Music
from ostinato.notices import NoticeList
from ostinato.tasks.legacy import Baseline, Counts, Piece, Prediction, Request, spread
from ostinato.tasks.many_models import ManyModels
from ostinato.tasks.melody import generation
from ostinato.tasks.melody.baseline import TuneBaseline
from ostinato.tasks.melody.counted import counted_network, counted_tensors
from ostinato.tasks.melody.features import features, most_frequent, moved
from ostinato.tasks.melody.options import COUNTED, MelodyOptions
from ostinato.tasks.melody.output import save_tunes
from ostinato.tasks.shared.ngram_network import allocate_tensors, describe_tensors

HIDDEN_LABELS = 0.1  # share of the tunes whose label training hides, so that tunes of no kind can be asked for, too
MANY_VOICES = (
    0.05  # with so large a share of steps on which notes sound together, tunes are read as chords
)
MOST_OPENINGS = 500  # beginnings that are remembered of each kind
LONGEST_BAR = 400  # steps; longer ones have no places


@dataclass
class Melody(MelodyOptions, ManyModels):
    name = "melody"
    reads = "MIDI, ABC and JSON of pitches, as files or folders (with a label each: --condition), or a table of files and labels"
    example = "ostinato train melody --train tunes/ --condition genre --out runs/tunes"
    metrics = ("perplexity", "nll_per_step")
    sample = "melody"
    training: ClassVar[dict[str, Any]] = {
        "batch_size": 16,
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "learning_rate": 0.003,
        "schedule": "cosine",
        "clip_norm": 1.0,
        "epochs": 60.0,
        "least_steps": 800,
        "evaluate_every": 2.0,
        "average_checkpoints": 3,
    }
    sample_training: ClassVar[dict[str, Any]] = {
        "condition": "genre",
        "normalise_key": True,
        "transpose": 0,
        "hidden_size": 128,
        "embedding_size": 64,
        "dropout": 0.4,
        "input_dropout": 0.1,
        "batch_size": 8,
        "learning_rate": 0.006,
        "evaluate_every": 4.0,
    }
    speed_of = "inputs"
    models = ("frequencies", "markov", "rnn", "gru", "lstm")
    solved_models = COUNTED
    of_one_network = ("counted",)
    measured_by_answers = False

    chords: bool = field(init=False, default=None)
    labels: list[str] = field(init=False, default_factory=list)
    metres: dict[str, str] = field(
        init=False, default_factory=dict, repr=False
    )  # the most frequent one of each label, and of all
    bar_lengths: list[int] = field(
        init=False, default_factory=list, repr=False
    )  # steps of the bars of the metres that occur
    openings: dict[str, list[list[int]]] = field(
        init=False, default_factory=dict, repr=False
    )  # [rests, first pitch] of tunes by label
    counted: dict[str, list[Any]] | None = field(
        init=False, default=None, repr=False
    )  # what a baseline as model has, and how large
    learned: dict[str, Tensor] | None = field(init=False, default=None, repr=False)
    given: int = field(init=False, default=0, repr=False)  # steps of the last prompt, for pictures
    notices: list[str] = field(init=False, default_factory=NoticeList, repr=False)

    # files to records to examples

    def reading(self) -> Reading:
        return Reading(self.steps_per_quarter, self.condition or "genre", self.repeats)

    def read(self, files: Sequence[str], *, training: bool = False) -> list[Tune]:
        reading, name = self.reading(), " ".join(map(display_path, files))
        found = list(reading.read(files, part="train" if training else "test"))
        self.note_left_out(reading, name)
        if not found:
            first = (
                f" but {unparsed(reading)}, the first {reading.left_out[0]}"
                if reading.left_out
                else ""
            )
            raise InputError(f"{name}: no tunes in it{first}")
        if training:
            silent = sum(not tune.notes for tune in found)
            found = [tune for tune in found if tune.notes]
            if silent:
                self.notices.append(
                    f"{name}: {silent:,} tune{'s' * (silent > 1)} without notes left out"
                )
            if not found:
                raise InputError(f"{name}: no tune in it has a note")
        return found

    def note_left_out(self, reading: Reading, name: str) -> None:
        if reading.left_out:
            more = (
                f", and {len(reading.left_out) - 3:,} others" if len(reading.left_out) > 3 else ""
            )
            self.notices.append(
                f"{name}: {unparsed(reading)} left out: {', '.join(reading.left_out[:3])}{more}"
            )

    def read_inputs(self, files: Sequence[str]) -> Iterator[Tune]:
        reading = self.reading()
        yield from reading.read(files)
        self.note_left_out(reading, " ".join(map(display_path, files)))

    def as_record(self, value: Any) -> Tune:
        """A tune, notes, ABC text, or a list of pitches or chords."""
        if isinstance(value, Tune):
            return value
        if isinstance(value, str):
            return prompt_tune(value, self.reading()) if value.strip() else Tune((), 0)
        if isinstance(value, tuple) and all(isinstance(note, Note) for note in value):
            return Tune(value, max((note.start + note.length for note in value), default=0))
        return self.reading().piece(value, "the input")

    def key(self, record: Tune) -> Hashable:
        return record.notes

    def fit(self, records: Sequence[Tune]) -> None:
        share = shared_steps(records)
        self.chords = share > MANY_VOICES if self.voices == "auto" else self.voices == "chords"
        what = "chords" if self.chords else "one note at a time"
        self.notices.append(
            f"{len(records):,} tunes of {sum(tune.steps for tune in records):,} steps, learned as {what} "
            f"(notes sound together on {share:.0%} of the steps)"
        )
        self.metres = {"": most_frequent(tune.metre for tune in records)}
        if self.bar_position:
            self.bar_lengths = sorted(
                {steps_in_bar(tune.metre, self.steps_per_quarter) for tune in records}
                & set(range(1, LONGEST_BAR))
            )
        if self.condition is not None:
            self.labels = sorted({tune.label for tune in records if tune.label})
            if not self.labels:
                raise InputError(
                    f"--condition {self.condition}: no tune has such a label; give a folder a kind, a table with the columns "
                    f"file and {self.condition}, or ABC with R: lines (genre)"
                )
            self.metres |= {
                label: most_frequent(tune.metre for tune in records if tune.label == label)
                for label in self.labels
            }
            self.notices.append(
                f"{len(self.labels)} kinds: {format_counts([tune.label for tune in records if tune.label])}"
            )

        self.openings = {
            label: self.openings_of([tune for tune in records if label in ("", tune.label)])
            for label in self.metres
        }
        if self.solved:
            found = TuneBaseline.fit(records, self.prepared, chords=self.chords)
            self.learned = counted_tensors(
                found.model if self.model == "markov" else found.simplest
            )
            self.counted = describe_tensors(self.learned)

    def openings_of(self, records: Sequence[Tune]) -> list[list[int]]:
        """How tunes begin: how many steps of rest, as before an upbeat, and which note comes first."""
        first = [self.prepared(tune).notes[0] for tune in records if tune.notes and not self.chords]
        return [[note.start, note.pitch] for note in first[:MOST_OPENINGS]]

    def state(self) -> dict[str, Any]:
        return {
            "chords": self.chords,
            "labels": self.labels,
            "metres": self.metres,
            "bar_lengths": self.bar_lengths,
            "openings": self.openings,
            "counted": self.counted,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.chords, self.labels, self.metres = (
            bool(state["chords"]),
            list(state["labels"]),
            dict(state["metres"]),
        )
        self.bar_lengths, self.openings = list(state["bar_lengths"]), dict(state["openings"])
        self.counted = state.get("counted")

    def learnable(self, records: Sequence[Tune]) -> Sequence[Tune]:
        return [part for record in records for part in record.parts(self.maximum_steps)]

    @property
    def varies(self) -> bool:
        return bool(self.transpose or self.labels) and not self.solved

    def prepared(self, record: Tune) -> Tune:
        """The tune as the network is given it: in its key, or in C."""
        return moved(record, to_c(record)) if self.normalise_key else record

    def encode(self, record: Tune, *, draw: int | None = None) -> Example:
        tune, label = self.prepared(record), record.label
        if draw is not None:
            random = np.random.default_rng(draw)
            tune = tune.transposed(int(random.choice(tune.room(self.transpose))))
            label = "" if random.random() < HIDDEN_LABELS else label
        played = chords_of(tune) if self.chords else events_of(tune)
        if not self.chords and tune.ends:
            played = np.append(played, END)
        steps = np.arange(tune.offset, tune.offset + max(1, len(played)))
        inputs = features(self, played[:-1] if len(played) else played, label, tune.metre, steps)
        return Example(
            inputs[: len(played)],
            torch.from_numpy(played.astype(np.int8 if self.chords else np.int64)),
        )

    # the network

    def network(self) -> nn.Module:
        if self.solved:
            return counted_network(
                allocate_tensors(self.counted) if self.learned is None else self.learned,
                chords=self.chords,
            )
        if not self.chords:
            head = EventHead(self.hidden_size, EVENTS)
        elif self.head == "voices":
            head = NoteSequenceHead(
                self.hidden_size, PITCHES, downwards=self.downwards, dropout=self.head_dropout
            )
        else:
            head = IndependentPitchHead(self.hidden_size, PITCHES)
        known = features(
            self, np.zeros((0, PITCHES)) if self.chords else np.zeros(0), "", "", np.zeros(1)
        ).shape[1]
        return Music(
            known,
            self.embedding_size,
            CELLS[self.cell],
            self.hidden_size,
            head,
            layers=self.layers,
            dropout=self.dropout,
            input_dropout=self.input_dropout,
            recurrent_dropout=self.recurrent_dropout,
        )

    def combine(self, networks: list[nn.Module]) -> nn.Module:
        return MusicEnsemble(networks)

    # its answers

    @torch.inference_mode()
    def log_probabilities(self, network: nn.Module, records: Sequence[Tune]) -> list[float]:
        """log P of each tune, with its end where there is one to predict; long ones in chunks, the state carried."""
        examples = [self.encode(record) for record in records]
        device = next(network.parameters(), torch.zeros(())).device
        found = [0.0] * len(records)
        for rows in by_length(examples, tokens=16 * self.maximum_steps):
            state, whole = (
                network.initial_state(len(rows)),
                collate([examples[row] for row in rows]),
            )
            total = torch.zeros(len(rows), dtype=torch.float64)
            for chunk in chunks(whole, self.maximum_steps):
                losses, state = network.losses(chunk.to(device), state)
                total += losses.double().sum(1).cpu()
            for row, value in zip(rows, total.tolist(), strict=True):
                found[row] = -value
        return found

    def steps(self, record: Tune) -> int:
        """What is predicted of it: its steps, and of a melody its end."""
        return record.steps + (not self.chords)

    def measure(
        self, network: nn.Module, records: Sequence[Tune], predictions: Sequence[Prediction]
    ) -> dict[str, list[Counts]]:
        unseen = [
            record.label
            for record in records
            if self.labels and record.label and record.label not in self.labels
        ]
        if unseen:
            self.notices.append(
                f"{len(unseen):,} tunes of kinds unseen in training, judged as of none: {format_counts(unseen)}"
            )
        counts = [
            (value, self.steps(record))
            for value, record in zip(self.log_probabilities(network, records), records, strict=True)
        ]
        return {name: [METRICS[name].count(*each) for each in counts] for name in self.metrics}

    def quick_score(self, network: nn.Module, records: Sequence[Tune], metric: str) -> float:
        return corpus_score(METRICS[metric], self.measure(network, records, ())[metric])

    def generate(self, network: nn.Module, request: Request) -> Iterator[Piece]:
        return generation.generate(self, network, request)

    def predict(self, network: nn.Module, records: Sequence[Tune]) -> list[Prediction]:
        return generation.predict(self, network, records)

    def save_generated(self, results: Sequence[Tune], path: Path) -> list[Path]:
        return save_tunes(
            results,
            path,
            steps_per_quarter=self.steps_per_quarter,
            tempo=self.tempo,
            given=self.given,
        )

    def examples(
        self, network: nn.Module, records: Sequence[Tune], predictions: Sequence[Prediction]
    ) -> list[dict[str, str]]:
        chosen = [
            record.parts(4 * generation.bar(self, record.metre))[0] for record in spread(records, 3)
        ]
        return [
            self.show(record, answer)
            for record, answer in zip(chosen, self.predict(network, chosen), strict=True)
        ]

    def show(self, record: Tune, prediction: Prediction) -> dict[str, str]:
        begins = " ".join(notes_text(record, self.steps_per_quarter).removesuffix(" |]").split())
        named = f"{record.title or record.where}{f' ({record.label})' if record.label else ''}"
        return {"tune": named, "begins": shortened(begins), "goes on": shortened(prediction.text)}

    def next_commands(self, run: str, file: str | None) -> list[str]:
        kind = f" --condition '{self.labels[0]}'" if self.labels else ""
        return [
            f"ostinato generate {run}{kind} --temperature 0.8",
            f"ostinato generate {run}{kind} --samples 3 --output tunes",
            f"ostinato predict {run} {file or 'FILE.abc'}",
        ]

    def baseline(self, records: Sequence[Tune]) -> Baseline:
        return TuneBaseline.fit(records, self.prepared, chords=self.chords)

    def restore_baseline(self, state: dict[str, Any]) -> Baseline:
        return TuneBaseline.restore(state, self.prepared)


def chunks(batch: Batch, size: int) -> Iterator[Batch]:
    """A batch cut along time."""
    for start in range(0, batch.inputs.shape[1], size):
        lengths = (batch.lengths - start).clamp(0, size)
        yield Batch(
            batch.inputs[:, start : start + size],
            lengths,
            batch.targets[:, start : start + size],
            lengths,
            continues=start > 0,
        )


def shared_steps(records: Sequence[Tune]) -> float:
    """On what share of the steps notes sound together."""
    together = sum(int((chords_of(tune).sum(1) > 1).sum()) for tune in records)
    return together / max(1, sum(tune.steps for tune in records))


def unparsed(reading: Reading) -> str:
    return (
        "1 tune that does not parse"
        if len(reading.left_out) == 1
        else f"{len(reading.left_out):,} tunes that do not parse"
    )


def shortened(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:159]}…"
