"""Genome: DNA to a label a sequence (what is bound here?) or a label a base (where are the genes?)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, BinaryIO, ClassVar, Literal

import numpy as np
import torch
from torch import nn

from ostinato.baselines.bag_of_words import Bag
from ostinato.baselines.kmers import Kmers
from ostinato.cells import CELLS
from ostinato.data import nucleotides
from ostinato.data.batch import IGNORE, Example
from ostinato.data.fasta import Entry
from ostinato.data.labelled import counted
from ostinato.data.strands import Strand, numbers_of, read_entries, read_strands, segments_of_labels
from ostinato.data.stretches import Stretches
from ostinato.data.text import shown
from ostinato.data.vocabulary import Vocabulary
from ostinato.errors import InputError, nearest
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.models.classifier import POOLINGS
from ostinato.options import option
from ostinato.tasks import genome_networks, highlight
from ostinato.tasks.base_labels import BLOCKS, TOGETHER, Window, label_bases, windows
from ostinato.tasks.labels import log_probability
from ostinato.tasks.task import Baseline, Counts, Prediction, Task
from ostinato.tasks.whole_labels import count_whole, draw_confusion, label_whole, probabilities

OUTSIDE = "background"  # the label of bases that no segment names
AS_OUTSIDE = (OUTSIDE, ".", "-", "_", "0", "O")  # what stands for it where every base has its label written
FEW = 20  # of so few sequences with labels for their bases, the ends are held back, not whole ones
SOLVED = ("most-frequent", "k-mers", "weight-matrix", "hmm")
NEURAL = ("convolution", "feedforward")


@dataclass
class Genome(Task):
    name = "genome"
    reads = "FASTA (one file a class, or with BED files of the segments); TSV, CSV, JSONL with sequence and label, or labels of its bases"
    example = "ostinato train genome --train genome.fa exons.bed --dev dev.fa dev.bed --out runs/exons"
    metrics = ("accuracy", "f1", "auroc", "auprc")
    sample = "genome"
    models = ("most-frequent", "k-mers", "weight-matrix", "hmm", "feedforward", "convolution", "rnn", "gru", "lstm")
    speed_of = "inputs"
    training: ClassVar[dict[str, Any]] = {
        "batch_size": 32, "optimizer": "adamw", "weight_decay": 0.05, "learning_rate": 0.003, "schedule": "cosine", "epochs": 15.0,
        "least_steps": 400, "average_checkpoints": 3}  # fmt: skip
    sample_training: ClassVar[dict[str, Any]] = {"epochs": 12.0}

    # the data
    sequence_column: str | None = option(None, "the column of the sequence (default: sequence, seq)")
    label_column: str | None = option(None, "the column of the label (default: label, class, tag)")
    masked: Literal["ignore", "flag", "unknown"] = option("ignore", "lower case (masked repeats): as upper case, with a flag, or as N")
    reverse_complement: bool = option(False, "learn from both strands: every other time, the other one with its labels")
    positive: str | None = option(None, "of two labels, whose ranking auroc and auprc judge (default: the last in the alphabet)")
    maximum_length: int = option(20_000, "of longer sequences with one label, the middle is read", minimum=1)
    window: int = option(1000, "labels of bases: how many are decided in one go, and gradients reach back", minimum=10)
    margin: int = option(100, "labels of bases, both ways: how far beyond a window's ends is seen", minimum=0)
    class_weights: Literal["none", "balanced", "root"] = option(
        "none", "balanced: rare labels count as much as frequent ones; root: half-way there")
    # the model
    model: Literal[("recurrent", *CELLS, *NEURAL, *SOLVED, "bag-of-words")] = option(
        "recurrent", "a recurrent network (of --cell), or a baseline; bag-of-words is k-mers")
    cell: Literal[tuple(CELLS)] = option("lstm", "the recurrent cell")
    hidden_size: int = option(128, "units of each layer, both directions together", minimum=1)
    layers: int = option(1, "recurrent layers", minimum=1)
    bidirectional: bool = option(True, "read both ways; labels of bases: without it, the state goes on from window to window")
    motifs: int = option(64, "filters that look for motifs before the recurrence; 0: none", minimum=0)
    motif_width: int = option(11, "bases that a filter sees", minimum=1)
    motif_pool: int = option(1, "label of a sequence: of so many neighbours the filter's strongest answer is kept", minimum=1)
    pooling: Literal[POOLINGS] | None = option(
        None, "label of a sequence: how the states of all steps become one (default: middle, where all are of one length, else max)")
    dropout: float = option(0.3, "before, between and after the layers", minimum=0, maximum=0.99)
    recurrent_dropout: float = option(0.0, "inside the recurrence", minimum=0, maximum=0.99)
    filters: int = option(100, "convolution: filters of each width", minimum=1)
    fixed_length: int | None = option(None, "feedforward: bases it sees (default: what 95 % of the training examples have)", minimum=1)
    kmer: int | None = option(None, "longest run of bases that is counted (default: 6 for k-mers, 5 for hmm)", minimum=1, maximum=8)
    strength: float = option(1.0, "k-mers, weight-matrix: scikit-learn's C; less pulls coefficients harder to 0", above=0)
    dev_metric: Literal["accuracy", "f1", "auroc", "auprc"] | None = option(
        None, "the dev score that chooses the best weights (default: accuracy; f1 for labels of bases)")
    # predicting
    both_strands: bool | None = option(None, "the mean of what both strands say (default: as it was trained, unless --no-bidirectional)",
                                       when_predicting=True)
    minimum_length: int = option(1, "labels of bases: shorter segments are left out", minimum=1, when_predicting=True)
    with_background: bool = option(False, "labels of bases: the background's segments, too", when_predicting=True)
    highlight: bool = option(False, "the sequence in the colours of its labels, for a terminal, in place of BED", when_predicting=True)

    labels: Vocabulary = field(init=False, default=None)
    whole: bool = field(init=False, default=True)  # whether a sequence has one label
    background: str | None = field(init=False, default=None)
    weights: list[float] = field(init=False, default=None, repr=False)
    bag: Bag | Kmers | None = field(init=False, default=None, repr=False)
    solution: tuple[np.ndarray, ...] = field(init=False, default=(), repr=False)  # what fit() has solved, for initialise()
    page: bool = field(init=False, default=False)  # whether the answers become a page
    notices: list[str] = field(init=False, default_factory=list, repr=False)

    def __post_init__(self):
        if self.model in CELLS:
            self.model, self.cell = "recurrent", self.model
        if self.model == "bag-of-words":
            self.model = "k-mers"
        if self.bidirectional and self.hidden_size % 2 and self.model == "recurrent":
            raise InputError(f"--hidden-size must be even with --bidirectional; got {self.hidden_size}")
        if self.motifs and self.motif_width % 2 == 0 and self.model == "recurrent":
            raise InputError(f"--motif-width must be odd, as many bases on either side; got {self.motif_width}")

    @classmethod
    def as_model(cls, name: str) -> dict[str, Any]:
        return {"model": name}

    @property
    def solved(self) -> bool:
        return self.model in SOLVED

    @property
    def varies(self) -> bool:
        return self.reverse_complement

    @property
    def carries(self) -> bool:
        """Whether the state goes on from window to window."""
        return not self.whole and self.model == "recurrent" and not self.bidirectional

    @property
    def averages(self) -> bool:
        """Whether both strands are asked."""
        if self.both_strands is None:
            return self.reverse_complement and not self.carries and self.model not in ("k-mers", "most-frequent")
        if self.both_strands and self.carries:
            raise InputError("--both-strands needs a model trained with --bidirectional: this one reads one strand from its beginning")
        return self.both_strands

    @property
    def coloured(self) -> bool:
        return self.highlight or self.page

    @property
    def foreground(self) -> list[int]:
        """The labels whose F1 counts: all but the background."""
        return [number for number, label in enumerate(self.labels.tokens) if label != self.background]

    @property
    def ranked(self) -> list[int]:
        """The labels whose ranking is judged: of two the positive one, or the one that is not background; of more all those."""
        if len(self.labels) > 2 or self.background is not None:
            return self.foreground
        return [self.labels.number(self.positive) if self.positive else 1]

    def shows(self, label: int) -> bool:
        """Whether segments of a label are part of the answer."""
        return self.with_background or self.labels.tokens[label] != self.background

    # files to records to examples

    @property
    def columns(self) -> dict[str, str | None]:
        return {"sequence": self.sequence_column, "label": self.label_column}

    def read(self, files: Sequence[str], *, training: bool = False) -> list[Strand]:
        records = read_strands(files, columns=self.columns, known=self.labels.tokens if self.labels is not None else ())
        name = " ".join(map(shown, files))
        if self.labels is not None and self.whole != (records[0].segments is None):
            kinds = ["one label a sequence", "a label for each base"]
            raise InputError(f"{name}: has {kinds[self.whole]}, but the model was trained on {kinds[not self.whole]}")
        if training:
            labels = self.labels_of(records)
            if len(labels) < 2:
                raise InputError(f"{name}: all {'examples' if records[0].segments is None else 'bases'} have the label {labels[0]!r}; "
                                 "two labels or more are needed to learn from")
        return records

    def labels_of(self, records: Sequence[Strand]) -> list[str]:
        """All labels in the alphabet's order, the background first."""
        if records[0].segments is None:
            return sorted({record.label for record in records})
        names = {segment.label for record in records for segment in record.segments}
        if any(sum(segment.end - segment.start for segment in record.segments) < len(record.bases) for record in records):
            names.add(OUTSIDE)
        return sorted(names, key=lambda name: (name not in AS_OUTSIDE, name))

    def read_inputs(self, files: Sequence[str]) -> Iterator[Entry]:
        return read_entries(files, columns=self.columns)

    def as_record(self, value: Any) -> Strand:
        """A sequence; or a pair of it and its label, or its bases' labels (a letter each, or a list)."""
        if isinstance(value, Strand):
            return value
        bases, label = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
        if not isinstance(bases, str):
            raise InputError(f"expected a sequence of bases, or (bases, label); got {value!r:.80}")
        bases = "".join(bases.split())
        wrong = nucleotides.strange_letter(bases)
        if wrong is not None:
            raise InputError(f"letter {wrong.start() + 1}, {wrong[0]!r}, is not a nucleotide; "
                             "expected A, C, G, T, U, N or another IUPAC code")
        if label is None or self.whole:
            return Strand(bases, label or "", None, "sequence", "the input")
        labels = label if isinstance(label, str) else " ".join(label)
        return Strand(bases, "", segments_of_labels(labels, len(bases), "the input"), "sequence", "the input")

    def key(self, record: Strand) -> str:
        return record.bases.upper()

    def hold_out(self, records: Sequence[Strand], *, number: int, seed: int) -> tuple[list[Strand], list[Strand]]:
        """Of a few long sequences the last tenth of each is held back."""
        if records[0].segments is None or len(records) >= FEW:
            return super().hold_out(records, number=number, seed=seed)
        edges = [len(record.bases) * 9 // 10 for record in records]
        kept = [record.part(0, edge)._replace(margins=(0, 0)) for record, edge in zip(records, edges, strict=True) if edge]
        held = [record.part(edge, len(record.bases))._replace(margins=(0, 0)) for record, edge in zip(records, edges, strict=True)]
        return kept, held

    def fit(self, records: Sequence[Strand]) -> None:
        self.whole = records[0].segments is None
        names = self.labels_of(records)
        if len(names) < 2:
            raise InputError(f"only the label {names[0]!r} is left to learn from once a dev set is held back; give --dev, or more examples")
        self.labels = Vocabulary(names, specials=())
        self.background = None if self.whole or names[0] not in AS_OUTSIDE else names[0]
        if self.positive is not None and self.positive not in names:
            raise InputError(f"--positive {self.positive}: no such label{nearest(self.positive, names)}")
        self.dev_metric = self.dev_metric or ("accuracy" if self.whole else "f1")
        self.pooling = self.pooling or ("middle" if len({len(record.bases) for record in records}) == 1 else "max")
        self.weights = genome_networks.weights_of(self, records)
        self.note(records)
        genome_networks.fit(self, records)

    def note(self, records: Sequence[Strand]) -> None:
        if self.whole:
            self.notices.append(f"{len(self.labels)} labels: {counted([record.label for record in records])}")
            longer = sum(len(record.bases) > self.maximum_length for record in records)
            if longer:
                self.notices.append(f"{longer:,} sequences longer than --maximum-length {self.maximum_length:,}: their middle is read")
            return
        bases, segments = sum(len(record.bases) for record in records), sum(len(record.segments) for record in records)
        self.notices.append(f"{bases:,} bases in {len(records):,} sequences, {segments:,} segments: {', '.join(self.labels.tokens)}")

    def state(self) -> dict[str, Any]:
        return {"labels": self.labels.to_dict(), "whole": self.whole, "background": self.background, "weights": self.weights,
                "bag": None if self.bag is None else self.bag.to_dict(), "fixed_length": self.fixed_length, "pooling": self.pooling,
                "dev_metric": self.dev_metric}

    def restore(self, state: dict[str, Any]) -> None:
        self.labels, self.whole, self.background = Vocabulary.from_dict(state["labels"]), bool(state["whole"]), state["background"]
        self.bag = genome_networks.restore_bag(self, state["bag"])
        self.weights, self.fixed_length = state["weights"], state["fixed_length"]
        self.pooling, self.dev_metric = state["pooling"], state["dev_metric"]

    def learnable(self, records: Sequence[Strand]) -> Sequence[Strand]:
        if self.whole or self.carries:
            return records
        return [record.part(start, min(start + self.window, len(record.bases)), self.margin)
                for record in records for start in range(0, len(record.bases), self.window)]

    def batches(self, records: Sequence[Strand], *, batch_size: int | None, batch_tokens: int | None, seed: int) -> Stretches | None:
        """Truncated backpropagation through time, where the state goes on."""
        if not self.carries:
            return None
        small = [Example(torch.from_numpy(nucleotides.encode(record.bases)), torch.from_numpy(self.truth(record).astype(np.int16)))
                 for record in records]
        return Stretches(small, steps=self.window, batch_size=batch_size or 32, seed=seed, vary=turned if self.varies else None)

    def truth(self, record: Strand) -> np.ndarray:
        background = 0 if self.background is None else self.labels.number(self.background)
        return numbers_of(record, self.labels.numbers, background)

    def encode(self, record: Strand, *, draw: int | None = None) -> Example:
        if self.bag is not None:
            return Example(genome_networks.bag_vector(self, record.bases), self.target(record))
        bases = self.shortened(record.bases) if self.whole else record.bases
        numbers = nucleotides.encode(bases or "N")  # an empty sequence has an answer, too
        inputs = torch.from_numpy(numbers.astype(np.int64))
        if self.whole:
            example = Example(inputs, self.target(record))
        else:
            targets = self.truth(record)
            targets[targets == len(self.labels)] = IGNORE
            left, right = record.margins
            targets[:left] = IGNORE
            targets[len(targets) - right :] = IGNORE
            example = Example(inputs, torch.from_numpy(targets))
        return example if draw is None or not self.varies else turned(example, draw)

    def target(self, record: Strand) -> torch.Tensor | None:
        return torch.tensor(self.labels.number(record.label)) if record.label in self.labels else None

    def shortened(self, bases: str) -> str:
        excess = len(bases) - self.maximum_length
        return bases if excess <= 0 else bases[excess // 2 : excess // 2 + self.maximum_length]

    # the network

    def network(self) -> nn.Module:
        return genome_networks.build(self)

    def initialise(self, network: nn.Module) -> None:
        if self.solved:
            network.put(*self.solution)

    def combine(self, networks: list[nn.Module]) -> nn.Module:
        return genome_networks.combine(self, networks)

    # its answers

    def predict(self, network: nn.Module, records: Sequence[Strand | Entry]) -> list[Prediction]:
        strands = [as_strand(record) for record in records]
        if self.whole:
            return label_whole(self, network, strands)
        blocks = [self.blocks(strand) for strand in strands]
        return list(label_bases(self, network, (self.cut(strand) for strand in strands), blocks=blocks))

    def cut(self, strand: Strand) -> Iterator[Window]:
        truth = None if strand.segments is None else self.truth(strand)
        return windows(strand.name, [strand.bases], self.window, 0 if self.carries else self.margin, truth)

    def blocks(self, strand: Strand) -> int:
        """How many windows are counted together."""
        return max(1, len(strand.bases) // (self.window * BLOCKS))

    def answers(self, network: nn.Module, inputs: Iterator[Entry], ahead: int) -> Iterator[Prediction]:
        """As predict, sequence after sequence as they are read; of labels of bases, those of a long one in several answers."""
        if self.whole:
            yield from super().answers(network, inputs, min(ahead, 256))
            return
        margin = 0 if self.carries else self.margin
        sequences = (windows(entry.name, entry.pieces, self.window, margin) for entry in inputs)
        yield from label_bases(self, network, sequences, together=1 if ahead == 1 else TOGETHER, regions=True)

    def written(self, predictions: Iterator[Prediction], output: str | None = None) -> Iterator[str]:
        """BED; or the sequence in colours, with --highlight or for a file whose name ends in .html."""
        self.page = (output or "").lower().endswith((".html", ".htm"))
        if self.page:
            return highlight.as_page(predictions, self.labels.tokens, self.background)
        if self.highlight:
            return highlight.on_terminal(predictions, self.labels.tokens, self.background)
        return (prediction.text for prediction in predictions if prediction.text)  # a sequence may have no segments

    def measure(self, network: nn.Module, records: Sequence[Strand], predictions: Sequence[Prediction]) -> dict[str, list[Counts]]:
        named = (record.label for record in records) if self.whole else (each.label for record in records for each in record.segments)
        unseen = [label for label in named if label not in self.labels]
        if unseen:
            self.notices.append(f"labels unseen in training, counted as wrong: {counted(unseen)}")
        return self.count(records, predictions)

    def count(self, records: Sequence[Strand], predictions: Sequence[Prediction]) -> dict[str, list[Counts]]:
        if not self.whole:
            return {metric: list(chain.from_iterable(each.counts[metric] for each in predictions)) for metric in self.metrics}
        return count_whole(self, records, predictions)

    def quick_score(self, network: nn.Module, records: Sequence[Strand], metric: str) -> float:
        return corpus_score(METRICS[metric], self.count(records, self.predict(network, records))[metric])

    def log_probabilities(self, network: nn.Module, records: Sequence[Strand]) -> list[float]:
        if not self.whole:
            missing = next((record for record in records if record.segments is None), None)
            if missing is not None:
                raise InputError(f"{missing.where}: no labels whose probability could be told")
            return [prediction.log_probability for prediction in self.predict(network, records)]
        missing = next((record for record in records if not record.label), None)
        if missing is not None:
            raise InputError(f"{missing.where}: no label whose probability could be told")
        return [log_probability(dict(zip(self.labels.tokens, row, strict=True)), [record.label], False)
                for record, row in zip(records, probabilities(self, network, records).tolist(), strict=True)]

    def pictures(self, records: Sequence[Strand], predictions: Sequence[Prediction]) -> dict[str, Callable[[BinaryIO], None]]:
        return {"confusion.png": draw_confusion(self, records, predictions)} if self.whole else {}

    def with_target(self, record: Strand, text: str) -> Strand:
        return self.as_record((record.bases, text))

    def text_of(self, record: Strand) -> str:
        return record.bases

    def next_commands(self, run: str, file: str | None) -> list[str]:
        return [f"ostinato predict {run} new.fa --output {'labels' if self.whole else 'segments'}.bed",
                f"ostinato predict {run} new.fa --output page.html" if not self.whole else f"ostinato predict {run} new.fa --json",
                "ostinato compare genome --time-limit 1m"]

    def show(self, record: Strand, prediction: Prediction) -> dict[str, str]:
        bases = record.bases if len(record.bases) <= 60 else f"{record.bases[:59]}… ({len(record.bases):,} bases)"
        if self.whole:
            answer = f"{prediction.details['label']} ({prediction.details['score']:.0%})"
            return {"sequence": bases, "label": record.label, "prediction": answer}
        there = [segment for segment in record.segments if segment.label != self.background]
        found = prediction.details["segments"]
        first = "".join(f"; the first {each['start']:,} to {each['end']:,} {each['label']}" for each in found[:1])
        return {"sequence": bases, "segments": f"{len(there):,}", "found": f"{len(found):,}{first}"}

    def baseline(self, records: Sequence[Strand]) -> Baseline:
        return genome_networks.Simplest.fit(self, records)

    def restore_baseline(self, state: dict[str, Any]) -> Baseline:
        return genome_networks.Simplest.restore(type(self), state)


def as_strand(record: Strand | Entry) -> Strand:
    """What `predict` reads in pieces, in one piece."""
    return record if isinstance(record, Strand) else Strand("".join(record.pieces), "", None, record.name, record.where)


def turned(example: Example, draw: int) -> Example:
    """Every other draw, the other strand, the labels of its bases in its order."""
    if draw % 2 == 0:
        return example
    inputs = torch.from_numpy(nucleotides.other_strand(example.inputs.numpy()).astype(np.int64))
    targets = example.targets
    return Example(inputs, targets if targets is None or targets.dim() == 0 else targets.flip(0))
