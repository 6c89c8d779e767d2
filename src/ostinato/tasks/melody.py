"""Melody: tunes and chorales, made up, gone on with, and judged. One to many: of a kind that is asked for, if they have labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.cells import CELLS
from ostinato.data.abc_text import AbcWriter, header, notes_text, steps_of
from ostinato.data.batch import Batch, Example, by_length, collate
from ostinato.data.labelled import counted
from ostinato.data.music_files import ENDINGS, Reading, prompt_tune
from ostinato.data.text import shown
from ostinato.data.tunes import END, EVENTS, HOLD, PITCHES, Note, Tune, chords_of, events_of, sharps_of, steps_in_bar, to_c
from ostinato.decoding.draws import Draws, seed_of
from ostinato.errors import InputError, nearest
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.models.chords import Independent, OneEvent, Voices
from ostinato.models.music import Music, MusicEnsemble
from ostinato.options import option
from ostinato.tasks.improvise import improvise, notes_of
from ostinato.tasks.task import Baseline, Counts, Piece, Prediction, Request, Task, spread
from ostinato.tasks.tune_baseline import TuneBaseline
from ostinato.tasks.tune_output import save_tunes

HIDDEN_LABELS = 0.1  # share of the tunes whose label training hides, so that tunes of no kind can be asked for, too
MANY_VOICES = 0.05  # with so large a share of steps on which notes sound together, tunes are read as chords
DEFAULT_BARS = 16
PHRASE = 8  # bars that are told apart: tunes are mostly made of so many
MOST_OPENINGS = 500  # beginnings that are remembered of each kind
LONGEST_BAR = 400  # steps; longer ones have no places


@dataclass
class Melody(Task):
    name = "melody"
    reads = "MIDI, ABC and JSON of pitches, as files or folders (with a label each: --condition), or a table of files and labels"
    example = "ostinato train melody --train tunes/ --condition genre --out runs/tunes"
    metrics = ("perplexity", "nll_per_step")
    sample = "melody"
    training: ClassVar[dict[str, Any]] = {
        "batch_size": 16, "optimizer": "adamw", "weight_decay": 0.01, "learning_rate": 0.003, "schedule": "cosine", "clip_norm": 1.0,
        "epochs": 60.0, "least_steps": 800, "evaluate_every": 2.0, "average_checkpoints": 3}  # fmt: skip
    sample_training: ClassVar[dict[str, Any]] = {
        "condition": "genre", "normalise_key": True, "transpose": 0, "hidden_size": 128, "embedding_size": 64, "dropout": 0.4,
        "input_dropout": 0.1, "batch_size": 8, "learning_rate": 0.006, "evaluate_every": 4.0}  # fmt: skip
    speed_of = "inputs"
    measured_by_answers = False

    # the data
    steps_per_quarter: int = option(4, "the time grid: steps of a quarter note (JSON has its own steps)", minimum=1, maximum=96)
    voices: Literal["auto", "melody", "chords"] = option(
        "auto", "melody: one note at a time, the highest; chords: all that sound together; auto: as the training data is")
    condition: str | None = option(None, "learn what kind a tune is by this label: a table's column, a key in JSON, a folder's name, "
                                   "or what ABC says (genre: R:, composer: C:, origin: O:, metre: M:)")
    repeats: bool = option(False, "play the repeated parts of ABC tunes twice")
    normalise_key: bool = option(False, "everything is transposed to C major or A minor first, and back in the end")
    bar_position: bool = option(True, "the network is told the metre, and at each step where in the bar, and in the eight bars, it is")
    transpose: int = option(5, "training sees each tune transposed by up to so many semitones, at random", minimum=0, maximum=11)
    maximum_steps: int = option(1000, "longer tunes are learned in parts", minimum=2)
    # the model
    cell: Literal[tuple(CELLS)] = option("lstm", "the recurrent cell")
    hidden_size: int = option(256, "units of each layer", minimum=1)
    embedding_size: int = option(128, "dimensions of what is known of a step", minimum=1)
    layers: int = option(1, "recurrent layers", minimum=1)
    head: Literal["voices", "independent"] = option("voices", "chords: one voice after the other, each given those before it, "
                                                    "or each pitch by itself")
    downwards: bool = option(False, "chords: voices are chosen from the highest to the lowest")
    input_dropout: float = option(0.2, "on what is known of a step", minimum=0, maximum=0.99)
    dropout: float = option(0.5, "on the outputs and between layers", minimum=0, maximum=0.99)
    head_dropout: float = option(0.3, "chords: within the choice of voices", minimum=0, maximum=0.99)
    recurrent_dropout: float = option(0.0, "inside the recurrence", minimum=0, maximum=0.99)
    dev_metric: Literal["perplexity", "nll_per_step"] = option("nll_per_step", "the dev score that chooses the best weights")
    # what is made
    tempo: float = option(100.0, "quarters a minute in the files that are written", above=0, maximum=1000, when_predicting=True)
    bars: int = option(4, "predict: by how many bars (or 16 steps each) a tune is continued", minimum=0, when_predicting=True)
    boldness: float = option(0.8, "predict: the temperature of what is drawn; 0: the likeliest", minimum=0, when_predicting=True)

    chords: bool = field(init=False, default=None)
    labels: list[str] = field(init=False, default_factory=list)
    metres: dict[str, str] = field(init=False, default_factory=dict, repr=False)  # the most frequent one of each label, and of all
    bar_lengths: list[int] = field(init=False, default_factory=list, repr=False)  # steps of the bars of the metres that occur
    openings: dict[str, list[list[int]]] = field(init=False, default_factory=dict, repr=False)  # [rests, first pitch] of tunes by label
    given: int = field(init=False, default=0, repr=False)  # steps of the last prompt, for pictures
    notices: list[str] = field(init=False, default_factory=list, repr=False)

    # files to records to examples

    def reading(self) -> Reading:
        return Reading(self.steps_per_quarter, self.condition or "genre", self.repeats)

    def read(self, files: Sequence[str], *, training: bool = False) -> list[Tune]:
        reading, name = self.reading(), " ".join(map(shown, files))
        found = list(reading.read(files, part="train" if training else "test"))
        self.note_left_out(reading, name)
        if not found:
            first = f": all {len(reading.left_out):,} tunes do not parse, the first {reading.left_out[0]}" if reading.left_out else ""
            raise InputError(f"{name}: no tunes in it{first}")
        if training:
            silent = sum(not tune.notes for tune in found)
            found = [tune for tune in found if tune.notes]
            if silent:
                self.notices.append(f"{name}: {silent:,} tunes without notes left out")
            if not found:
                raise InputError(f"{name}: none of the {silent:,} tunes has a note")
        return found

    def note_left_out(self, reading: Reading, name: str) -> None:
        if reading.left_out:
            more = f", and {len(reading.left_out) - 3:,} others" if len(reading.left_out) > 3 else ""
            self.notices.append(f"{name}: {len(reading.left_out):,} tunes that do not parse left out: "
                                f"{', '.join(reading.left_out[:3])}{more}")

    def read_inputs(self, files: Sequence[str]) -> Iterator[Tune]:
        reading = self.reading()
        yield from reading.read(files)
        self.note_left_out(reading, " ".join(map(shown, files)))

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
        self.notices.append(f"{len(records):,} tunes of {sum(tune.steps for tune in records):,} steps, learned as {what} "
                            f"(notes sound together on {share:.0%} of the steps)")
        self.metres = {"": most_frequent(tune.metre for tune in records)}
        if self.bar_position:
            self.bar_lengths = sorted({steps_in_bar(tune.metre, self.steps_per_quarter) for tune in records} & set(range(1, LONGEST_BAR)))
        if self.condition is not None:
            self.labels = sorted({tune.label for tune in records if tune.label})
            if not self.labels:
                raise InputError(f"--condition {self.condition}: no tune has such a label; give a folder a kind, a table with the columns "
                                 f"file and {self.condition}, or ABC with R: lines (genre)")
            self.metres |= {label: most_frequent(tune.metre for tune in records if tune.label == label) for label in self.labels}
            self.notices.append(f"{len(self.labels)} kinds: {counted([tune.label for tune in records if tune.label])}")

        self.openings = {label: self.openings_of([tune for tune in records if label in ("", tune.label)]) for label in self.metres}

    def openings_of(self, records: Sequence[Tune]) -> list[list[int]]:
        """How tunes begin: how many steps of rest, as before an upbeat, and which note comes first."""
        first = [self.prepared(tune).notes[0] for tune in records if tune.notes and not self.chords]
        return [[note.start, note.pitch] for note in first[:MOST_OPENINGS]]

    def state(self) -> dict[str, Any]:
        return {"chords": self.chords, "labels": self.labels, "metres": self.metres, "bar_lengths": self.bar_lengths,
                "openings": self.openings}

    def restore(self, state: dict[str, Any]) -> None:
        self.chords, self.labels, self.metres = bool(state["chords"]), list(state["labels"]), dict(state["metres"])
        self.bar_lengths, self.openings = list(state["bar_lengths"]), dict(state["openings"])

    def learnable(self, records: Sequence[Tune]) -> Sequence[Tune]:
        return [part for record in records for part in record.parts(self.maximum_steps)]

    @property
    def varies(self) -> bool:
        return bool(self.transpose or self.labels)

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
        inputs = self.features(played[:-1] if len(played) else played, label, tune.metre, steps)
        return Example(inputs[: len(played)], torch.from_numpy(played.astype(np.int8 if self.chords else np.int64)))

    def features(self, played: np.ndarray, label: str, metre: str, steps: np.ndarray) -> Tensor:
        """What is known when each of these steps [T] is to be played: what was played at the one before, whether it is the first, the
        kind of tune, and the place in the bar.

        events [T] or chords [T, P]; or one fewer, where nothing (or another part) was before the first step -> [T, D]"""
        size, before = PITCHES if self.chords else EVENTS, len(steps) - len(played)
        rows = torch.zeros(len(steps), size + 1)
        if self.chords:
            rows[before:, :size] = torch.from_numpy(played.astype(np.float32))
        else:
            rows[torch.arange(before, len(steps)), torch.from_numpy(played.astype(np.int64))] = 1
        rows[:, size] = torch.from_numpy(steps == 0)
        kind = torch.zeros(len(steps), (1 + len(self.labels)) * bool(self.labels))
        if self.labels:
            kind[:, 1 + self.labels.index(label) if label in self.labels else 0] = 1
        return torch.cat([rows, kind, self.places(metre, steps)], 1)

    def places(self, metre: str, steps: np.ndarray) -> Tensor:
        """Which metre it is, at which step of the bar, and in which of eight bars: a 1 for each; zeros in a metre never seen."""
        longest, known = max(self.bar_lengths, default=0), len(self.bar_lengths)
        rows = torch.zeros(len(steps), (longest + known + PHRASE) * bool(known))
        bar = steps_in_bar(metre, self.steps_per_quarter)
        if bar in self.bar_lengths:
            which, phrase = np.full(len(steps), longest + self.bar_lengths.index(bar)), longest + known + steps // bar % PHRASE
            rows.scatter_(1, torch.from_numpy(np.stack([steps % bar, which, phrase], 1).astype(np.int64)), 1.0)
        return rows

    # the network

    def network(self) -> Music:
        if not self.chords:
            head = OneEvent(self.hidden_size, EVENTS)
        elif self.head == "voices":
            head = Voices(self.hidden_size, PITCHES, downwards=self.downwards, dropout=self.head_dropout)
        else:
            head = Independent(self.hidden_size, PITCHES)
        features = self.features(np.zeros((0, PITCHES)) if self.chords else np.zeros(0), "", "", np.zeros(1)).shape[1]
        return Music(features, self.embedding_size, CELLS[self.cell], self.hidden_size, head, layers=self.layers, dropout=self.dropout,
                     input_dropout=self.input_dropout, recurrent_dropout=self.recurrent_dropout)  # fmt: skip

    def combine(self, networks: list[nn.Module]) -> nn.Module:
        return MusicEnsemble(networks)

    # its answers

    @torch.inference_mode()
    def log_probabilities(self, network: nn.Module, records: Sequence[Tune]) -> list[float]:
        """log P of each tune, with its end where there is one to predict; long ones in chunks, the state carried."""
        examples = [self.encode(record) for record in records]
        device = next(network.parameters()).device
        found = [0.0] * len(records)
        for rows in by_length(examples, tokens=16 * self.maximum_steps):
            state, whole = network.start(len(rows)), collate([examples[row] for row in rows])
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

    def measure(self, network: nn.Module, records: Sequence[Tune], predictions: Sequence[Prediction]) -> dict[str, list[Counts]]:
        unseen = [record.label for record in records if self.labels and record.label and record.label not in self.labels]
        if unseen:
            self.notices.append(f"{len(unseen):,} tunes of kinds unseen in training, judged as of none: {counted(unseen)}")
        counts = [(value, self.steps(record)) for value, record in zip(self.log_probabilities(network, records), records, strict=True)]
        return {name: [METRICS[name].count(*each) for each in counts] for name in self.metrics}

    def quick_score(self, network: nn.Module, records: Sequence[Tune], metric: str) -> float:
        return corpus_score(METRICS[metric], self.measure(network, records, ())[metric])

    def generate(self, network: nn.Module, request: Request) -> Iterator[Piece]:
        self.check(request)
        prompt = self.prompt(request)
        label = request.condition or prompt.label
        metre = prompt.metre or self.metres.get(label, self.metres[""])
        shift = -to_c(prompt) if self.normalise_key and prompt.notes else 0
        length = self.default_length(metre) if request.length is None else request.length
        draws = Draws([seed_of(request.seed, row) for row in range(request.samples)], temperature=request.temperature,
                      top_k=request.top_k, top_p=request.top_p)
        key = sharps_of(prompt) if prompt.notes else 0
        about = [Tune((), 0, label, f"Sample {row + 1}", key, metre) for row in range(request.samples)]
        writers = [AbcWriter(steps_per_quarter=self.steps_per_quarter, metre=metre, sharps=key) for _ in about]
        starts = [prompt if prompt.steps else self.opening(label, request, row, length) for row in range(request.samples)]
        for row, tune in enumerate(about):
            yield Piece(row, header(tune, self.steps_per_quarter, row + 1, tempo=self.tempo) + begun(writers[row], starts[row]))
        given = [self.given_to(start, label, metre) for start in starts]
        lengths = [length - (0 if prompt.steps else start.steps) for start in starts]
        sounding = [still_sounding(self.prepared(start)) for start in starts]
        for made in improvise(network, *zip(*given, strict=True), draws, lengths=lengths, writers=writers, sounding=sounding, shift=shift):
            result = None
            if made.played is not None:
                start = starts[made.row]
                result = about[made.row]._replace(notes=joined(start, made.played, shift), steps=start.steps + len(made.played))
                result = result if prompt.notes else result._replace(sharps=None)
            yield Piece(made.row, made.text, result)

    def check(self, request: Request) -> None:
        """Raises InputError for what tunes do not have."""
        if request.beam:
            raise InputError("--beam is not for tunes, whose likeliest is hardly ever a good one; use --temperature 0.8, or 0")
        if request.stop is not None:
            raise InputError("--stop is not for tunes; use --length, in steps")
        if request.condition is not None and not self.labels:
            raise InputError(f"--condition {request.condition}: this model has learned no kinds of tunes; train with --condition genre")
        if request.condition is not None and request.condition not in self.labels:
            raise InputError(f"--condition {request.condition}: no such kind{nearest(request.condition, self.labels)}")

    def prompt(self, request: Request) -> Tune:
        """The tune to go on from: the first of a file, or notes given as text."""
        text = request.prompt
        if text is None or not text.strip():
            return Tune((), 0)
        if "\n" not in text and (Path(text).is_file() or text.lower().removesuffix(".gz").endswith(ENDINGS)):
            found = self.read([text])[0]
        else:
            found = prompt_tune(text, self.reading())
        self.given = found.steps
        return found

    def default_length(self, metre: str) -> int:
        return DEFAULT_BARS * AbcWriter(steps_per_quarter=self.steps_per_quarter, metre=metre).bar

    def opening(self, label: str, request: Request, row: int, length: int) -> Tune:
        """What a tune made of nothing begins with: the rests and the first note of one of the training tunes of its kind."""
        known = self.openings.get(label) or self.openings.get("")
        if not known:
            return Tune((), 0)
        place = np.random.default_rng(seed_of(request.seed, row)).integers(len(known))
        rests, pitch = most_frequent(map(tuple, known)) if request.temperature == 0 else known[place]
        return Tune((Note(rests, 1, pitch),), rests + 1, sharps=0) if rests < length else Tune((), 0)

    def given_to(self, record: Tune, label: str, metre: str) -> tuple[Tensor, Following]:
        """(the features of a tune to go on from, what takes the next steps to features)."""
        tune = self.prepared(record)
        played = chords_of(tune) if self.chords else events_of(tune)
        given = self.features(played, label, metre, np.arange(len(played) + 1))
        return given, Following(self, label, metre, len(played))

    def predict(self, network: nn.Module, records: Sequence[Tune]) -> list[Prediction]:
        """Each tune continued. Every one draws the same random numbers, so that its continuation does not depend on its place."""
        answers = []
        for record in records:
            shift = -to_c(record) if self.normalise_key and record.notes else 0
            writer = AbcWriter(steps_per_quarter=self.steps_per_quarter, metre=record.metre or self.metres[""], sharps=sharps_of(record),
                               at=record.steps)  # fmt: skip
            draws = Draws([1], temperature=self.boldness)
            given, following = self.given_to(record, record.label, record.metre)
            made = list(improvise(network, [given], [following], draws, lengths=[self.bars * writer.bar], writers=[writer],
                                  sounding=[still_sounding(self.prepared(record))], shift=shift))  # fmt: skip
            notes = joined(record, made[-1].played, shift)[len(record.notes) :]
            text = " ".join("".join(each.text for each in made).split())
            answers.append(Prediction(text, {"notes": [list(note) for note in notes], "steps": len(made[-1].played)}))
        return answers

    def save_generated(self, results: Sequence[Tune], path: Path) -> list[Path]:
        return save_tunes(results, path, steps_per_quarter=self.steps_per_quarter, tempo=self.tempo, given=self.given)

    def examples(self, network: nn.Module, records: Sequence[Tune], predictions: Sequence[Prediction]) -> list[dict[str, str]]:
        chosen = [record.parts(4 * self.default_length(record.metre) // DEFAULT_BARS)[0] for record in spread(records, 3)]
        return [self.show(record, answer) for record, answer in zip(chosen, self.predict(network, chosen), strict=True)]

    def show(self, record: Tune, prediction: Prediction) -> dict[str, str]:
        begins = " ".join(notes_text(record, self.steps_per_quarter).removesuffix(" |]").split())
        named = f"{record.title or record.where}{f' ({record.label})' if record.label else ''}"
        return {"tune": named, "begins": shortened(begins), "goes on": shortened(prediction.text)}

    def next_commands(self, run: str, file: str | None) -> list[str]:
        kind = f" --condition '{self.labels[0]}'" if self.labels else ""
        return [f"ostinato generate {run}{kind} --temperature 0.8", f"ostinato generate {run}{kind} --samples 3 --output tunes",
                f"ostinato predict {run} {file or 'FILE.abc'}"]  # fmt: skip

    def baseline(self, records: Sequence[Tune]) -> Baseline:
        return TuneBaseline.fit(records, self.prepared, chords=self.chords)

    def restore_baseline(self, state: dict[str, Any]) -> Baseline:
        return TuneBaseline.restore(state, self.prepared)


@dataclass
class Following:
    """Takes what was played at `step` to the features of the next one, and counts on."""

    task: Melody
    label: str
    metre: str
    step: int

    def __call__(self, played: np.ndarray) -> Tensor:
        self.step += 1
        return self.task.features(played, self.label, self.metre, np.array([self.step]))


def chunks(batch: Batch, size: int) -> Iterator[Batch]:
    """A batch cut along time."""
    for start in range(0, batch.inputs.shape[1], size):
        lengths = (batch.lengths - start).clamp(0, size)
        yield Batch(batch.inputs[:, start : start + size], lengths, batch.targets[:, start : start + size], lengths, continues=start > 0)


def shared_steps(records: Sequence[Tune]) -> float:
    """On what share of the steps notes sound together."""
    together = sum(int((chords_of(tune).sum(1) > 1).sum()) for tune in records)
    return together / max(1, sum(tune.steps for tune in records))


def most_frequent(values: Iterable[Any]) -> Any:
    return Counter(value for value in values).most_common(1)[0][0]


def moved(tune: Tune, semitones: int) -> Tune:
    """Transposed; notes that would leave the range stay in it by an octave."""
    notes = tuple(note._replace(pitch=within(note.pitch + semitones)) for note in tune.notes)
    return tune._replace(notes=notes, sharps=None if tune.sharps is None else 0)


def within(pitch: int) -> int:
    return pitch + 12 if pitch < 0 else pitch - 12 if pitch >= PITCHES else pitch


def joined(given: Tune, played: np.ndarray, shift: int) -> tuple[Note, ...]:
    """The notes of what was given, and behind them those that were made."""
    made = [Note(note.start + given.steps, note.length, within(note.pitch + shift)) for note in notes_of(played)]
    held = 0 if played.ndim == 2 else next((step for step, event in enumerate(played) if event != HOLD), len(played))
    before = [note._replace(length=note.length + held * (note.start + note.length == given.steps)) for note in given.notes]
    return (*before, *made)


def still_sounding(tune: Tune) -> frozenset[int]:
    """What sounds at its last step: of a melody a hold goes on with it."""
    return frozenset(note.pitch for note in tune.notes if note.start + note.length == tune.steps)


def shortened(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:159]}…"


def begun(writer: AbcWriter, tune: Tune) -> str:
    """The text of a tune that goes on after it."""
    return "".join(writer.add(*step) for step in steps_of(tune))
