"""Genome: DNA to a label a sequence (what is bound here?) or a label a base (where are the genes?)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, BinaryIO, ClassVar

import numpy as np
from torch import nn

from ostinato.baselines.bag_of_words import BagOfWords
from ostinato.baselines.kmers import Kmers
from ostinato.data.batching.batch import Example
from ostinato.data.batching.bptt_windows import BpttWindows
from ostinato.data.dna import nucleotides
from ostinato.data.dna.fasta import Entry
from ostinato.data.dna.sequences import DnaSequence, read_entries, read_strands, segments_of_labels
from ostinato.data.files.wording import display_path, format_counts, pluralise
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.errors import InputError, nearest
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.notices import NoticeList
from ostinato.tasks.genome import examples, highlight, networks
from ostinato.tasks.genome.base_labels import BLOCKS, TOGETHER, Window, label_bases, windows
from ostinato.tasks.genome.examples import AS_OUTSIDE, labels_of
from ostinato.tasks.genome.options import SOLVED, GenomeOptions
from ostinato.tasks.genome.whole_labels import both_strands, count_whole, label_whole
from ostinato.tasks.labels import draw_confusion, log_probability, note_unseen
from ostinato.tasks.legacy import Baseline, Counts, Prediction
from ostinato.tasks.many_models import ManyModels

KINDS = ("one label a sequence", "a label for each base")
FEW = 20  # of so few sequences with labels for their bases, the ends are held back, not whole ones


@dataclass
class Genome(GenomeOptions, ManyModels):
    name = "genome"
    reads = "FASTA (one file a class, or with BED files of the segments); TSV, CSV, JSONL with sequence and label, or labels of its bases"
    example = (
        "ostinato train genome --train genome.fa exons.bed --dev dev.fa dev.bed --out runs/exons"
    )
    metrics = ("accuracy", "f1", "auroc", "auprc")
    sample = "genome"
    models = (
        "most-frequent",
        "k-mers",
        "weight-matrix",
        "hmm",
        "feedforward",
        "convolution",
        "rnn",
        "gru",
        "lstm",
    )
    solved_models = SOLVED
    speed_of = "inputs"
    training: ClassVar[dict[str, Any]] = {
        "batch_size": 32,
        "optimizer": "adamw",
        "weight_decay": 0.05,
        "learning_rate": 0.003,
        "schedule": "cosine",
        "epochs": 15.0,
        "least_steps": 400,
        "average_checkpoints": 3,
    }
    sample_training: ClassVar[dict[str, Any]] = {"epochs": 12.0}

    labels: Vocabulary = field(init=False, default=None)
    whole: bool = field(init=False, default=True)  # whether a sequence has one label
    background: str | None = field(init=False, default=None)
    weights: list[float] = field(init=False, default=None, repr=False)
    bag: BagOfWords | Kmers | None = field(init=False, default=None, repr=False)
    solution: tuple[np.ndarray, ...] = field(
        init=False, default=(), repr=False
    )  # what fit() has solved, for initialise()
    page: bool = field(init=False, default=False)  # whether the answers become a page
    notices: list[str] = field(init=False, default_factory=NoticeList, repr=False)

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
            return (
                self.reverse_complement
                and not self.carries
                and self.model not in ("k-mers", "most-frequent")
            )
        if self.both_strands and self.carries:
            raise InputError(
                "--both-strands needs a model trained with --bidirectional: this one reads one strand from its beginning"
            )
        return self.both_strands

    @property
    def coloured(self) -> bool:
        return self.highlight or self.page

    @property
    def foreground(self) -> list[int]:
        """The labels whose F1 counts: all but the background."""
        return [
            number for number, label in enumerate(self.labels.tokens) if label != self.background
        ]

    @property
    def ranked(self) -> list[int]:
        """The labels whose ranking is judged: of two the positive one, or the one that is not background; of more all those."""
        if len(self.labels) > 2 or self.background is not None:
            return self.foreground
        return [self.labels.token_to_id(self.positive) if self.positive else 1]

    def shows(self, label: int) -> bool:
        """Whether segments of a label are part of the answer."""
        return self.with_background or self.labels.tokens[label] != self.background

    # files to records to examples

    @property
    def columns(self) -> dict[str, str | None]:
        return {"sequence": self.sequence_column, "label": self.label_column}

    def read(self, files: Sequence[str], *, training: bool = False) -> list[DnaSequence]:
        records = read_strands(
            files, columns=self.columns, known=self.labels.tokens if self.labels is not None else ()
        )
        if self.labels is not None:
            self.accept(records)
        if training:
            labels = labels_of(records)
            if len(labels) < 2:
                what = "examples" if records[0].segments is None else "bases"
                raise InputError(
                    f"{' '.join(map(display_path, files))}: all {what} have the label {labels[0]!r}; "
                    "two labels or more are needed to learn from"
                )
        return records

    def accept(self, records: Sequence[DnaSequence]) -> None:
        other = next(
            (record for record in records if self.whole != (record.segments is None)), None
        )
        if other is not None:
            raise InputError(
                f"{other.where}: has {KINDS[self.whole]}, but the model is for {KINDS[not self.whole]}"
            )

    def read_inputs(self, files: Sequence[str]) -> Iterator[Entry]:
        return read_entries(files, columns=self.columns)

    def as_record(self, value: Any) -> DnaSequence:
        """A sequence; or a pair of it and its label, or its bases' labels (a letter each, or a list)."""
        if isinstance(value, DnaSequence):
            return value
        bases, label = value if isinstance(value, tuple) and len(value) == 2 else (value, None)
        if not isinstance(bases, str):
            raise InputError(f"expected a sequence of bases, or (bases, label); got {value!r:.80}")
        bases = "".join(bases.split())
        wrong = nucleotides.strange_letter(bases)
        if wrong is not None:
            raise InputError(
                f"letter {wrong.start() + 1}, {wrong[0]!r}, is not a nucleotide; "
                "expected A, C, G, T, U, N or another IUPAC code"
            )
        if label is None or self.whole:
            return DnaSequence(bases, label or "", None, "sequence", "the input")
        labels = label if isinstance(label, str) else " ".join(label)
        return DnaSequence(
            bases, "", segments_of_labels(labels, len(bases), "the input"), "sequence", "the input"
        )

    def key(self, record: DnaSequence) -> str:
        return record.bases.upper()

    def hold_out(
        self, records: Sequence[DnaSequence], *, number: int, seed: int
    ) -> tuple[list[DnaSequence], list[DnaSequence]]:
        """Of a few long sequences the last tenth of each is held back."""
        if records[0].segments is None or len(records) >= FEW:
            return super().hold_out(records, number=number, seed=seed)
        edges = [len(record.bases) * 9 // 10 for record in records]
        kept = [
            record.part(0, edge)._replace(margins=(0, 0))
            for record, edge in zip(records, edges, strict=True)
            if edge
        ]
        held = [
            record.part(edge, len(record.bases))._replace(margins=(0, 0))
            for record, edge in zip(records, edges, strict=True)
        ]
        return kept, held

    def fit(self, records: Sequence[DnaSequence]) -> None:
        self.whole = records[0].segments is None
        names = labels_of(records)
        if len(names) < 2:
            raise InputError(
                f"only the label {names[0]!r} is left to learn from once a dev set is held back; give --dev, or more examples"
            )
        self.labels = Vocabulary(names, specials=())
        self.background = None if self.whole or names[0] not in AS_OUTSIDE else names[0]
        if self.positive is not None and self.positive not in names:
            raise InputError(
                f"--positive {self.positive}: no such label{nearest(self.positive, names)}"
            )
        self.dev_metric = self.dev_metric or ("accuracy" if self.whole else "f1")
        self.pooling = self.pooling or (
            "middle" if len({len(record.bases) for record in records}) == 1 else "max"
        )
        self.weights = networks.weights_of(self, records)
        self.note(records)
        networks.fit(self, records)

    def note(self, records: Sequence[DnaSequence]) -> None:
        if self.whole:
            self.notices.append(
                f"{len(self.labels)} labels: {format_counts([record.label for record in records])}"
            )
            longer = sum(len(record.bases) > self.maximum_length for record in records)
            if longer:
                self.notices.append(
                    f"{longer:,} sequences longer than --maximum-length {self.maximum_length:,}: their middle is read"
                )
            return
        bases, segments = (
            sum(len(record.bases) for record in records),
            sum(len(record.segments) for record in records),
        )
        self.notices.append(
            f"{bases:,} bases in {len(records):,} {pluralise('sequence', len(records))}, "
            f"{segments:,} {pluralise('segment', segments)}: {', '.join(self.labels.tokens)}"
        )

    def state(self) -> dict[str, Any]:
        return {
            "labels": self.labels.to_dict(),
            "whole": self.whole,
            "background": self.background,
            "weights": self.weights,
            "bag": None if self.bag is None else self.bag.to_dict(),
            "fixed_length": self.fixed_length,
            "pooling": self.pooling,
            "dev_metric": self.dev_metric,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.labels, self.whole, self.background = (
            Vocabulary.from_dict(state["labels"]),
            bool(state["whole"]),
            state["background"],
        )
        self.bag = networks.restore_bag(self, state["bag"])
        self.weights, self.fixed_length = state["weights"], state["fixed_length"]
        self.pooling, self.dev_metric = state["pooling"], state["dev_metric"]

    def learnable(self, records: Sequence[DnaSequence]) -> Sequence[DnaSequence]:
        return records if self.whole or self.carries else examples.cut_up(self, records)

    def batches(
        self,
        records: Sequence[DnaSequence],
        *,
        batch_size: int | None,
        batch_tokens: int | None,
        seed: int,
    ) -> BpttWindows | None:
        return (
            examples.stretches(self, records, batch_size=batch_size or 32, seed=seed)
            if self.carries
            else None
        )

    def encode(self, record: DnaSequence, *, draw: int | None = None) -> Example:
        if self.bag is not None:
            return Example(
                networks.bag_vector(self, record.bases), examples.number_of(self, record)
            )
        return examples.encode(self, record, draw)

    # the network

    def network(self) -> nn.Module:
        return networks.build(self)

    def initialise(self, network: nn.Module) -> None:
        if self.solved:
            network.put(*self.solution)

    def combine(self, members: list[nn.Module]) -> nn.Module:
        return networks.combine(self, members)

    # its answers

    def predict(
        self, network: nn.Module, records: Sequence[DnaSequence | Entry]
    ) -> list[Prediction]:
        strands = [as_strand(record) for record in records]
        if self.whole:
            return label_whole(self, network, strands)
        blocks = [self.blocks(strand) for strand in strands]
        return list(
            label_bases(self, network, (self.cut(strand) for strand in strands), blocks=blocks)
        )

    def cut(self, strand: DnaSequence) -> Iterator[Window]:
        truth = None if strand.segments is None else examples.truth(self, strand)
        return windows(
            strand.name, [strand.bases], self.window, 0 if self.carries else self.margin, truth
        )

    def blocks(self, strand: DnaSequence) -> int:
        """How many windows are counted together."""
        return max(1, len(strand.bases) // (self.window * BLOCKS))

    def answers(
        self, network: nn.Module, inputs: Iterator[Entry], ahead: int
    ) -> Iterator[Prediction]:
        """As predict, sequence after sequence as they are read; of labels of bases, those of a long one in several answers."""
        if self.whole:
            yield from super().answers(
                network, map(as_strand, inputs), min(ahead, 256)
            )  # an entry is read before the next one
            return
        margin = 0 if self.carries else self.margin
        sequences = (windows(entry.name, entry.pieces, self.window, margin) for entry in inputs)
        yield from label_bases(
            self, network, sequences, together=1 if ahead == 1 else TOGETHER, regions=True
        )

    def written(
        self, predictions: Iterator[Prediction], output: str | None = None
    ) -> Iterator[str]:
        """BED; or the sequence in colours, with --highlight or for a file whose name ends in .html."""
        self.page = (output or "").lower().endswith((".html", ".htm"))
        if self.page:
            return highlight.as_page(predictions, self.labels.tokens, self.background)
        if self.highlight:
            return highlight.on_terminal(predictions, self.labels.tokens, self.background)
        return (
            prediction.text for prediction in predictions if prediction.text
        )  # a sequence may have no segments

    def measure(
        self, network: nn.Module, records: Sequence[DnaSequence], predictions: Sequence[Prediction]
    ) -> dict[str, list[Counts]]:
        named = (
            (record.label for record in records)
            if self.whole
            else (each.label for record in records for each in record.segments)
        )
        note_unseen(self.notices, list(named), self.labels)
        return self.count(records, predictions)

    def count(
        self, records: Sequence[DnaSequence], predictions: Sequence[Prediction]
    ) -> dict[str, list[Counts]]:
        if not self.whole:
            return {
                metric: list(chain.from_iterable(each.counts[metric] for each in predictions))
                for metric in self.metrics
            }
        return count_whole(self, records, predictions)

    def quick_score(self, network: nn.Module, records: Sequence[DnaSequence], metric: str) -> float:
        return corpus_score(
            METRICS[metric], self.count(records, self.predict(network, records))[metric]
        )

    def log_probabilities(self, network: nn.Module, records: Sequence[DnaSequence]) -> list[float]:
        if not self.whole:
            missing = next((record for record in records if record.segments is None), None)
            if missing is not None:
                raise InputError(f"{missing.where}: no labels whose probability could be told")
            return [prediction.log_probability for prediction in self.predict(network, records)]
        missing = next((record for record in records if not record.label), None)
        if missing is not None:
            raise InputError(f"{missing.where}: no label whose probability could be told")
        return [
            log_probability(dict(zip(self.labels.tokens, row, strict=True)), [record.label], False)
            for record, row in zip(
                records, both_strands(self, network, records).tolist(), strict=True
            )
        ]

    def pictures(
        self, records: Sequence[DnaSequence], predictions: Sequence[Prediction]
    ) -> dict[str, Callable[[BinaryIO], None]]:
        if not self.whole:
            return {}
        answers = [prediction.details["label"] for prediction in predictions]
        return {
            "confusion.png": draw_confusion(
                answers, [record.label for record in records], self.labels
            )
        }

    def with_target(self, record: DnaSequence, text: str) -> DnaSequence:
        return self.as_record((record.bases, text))

    def text_of(self, record: DnaSequence) -> str:
        return record.bases

    def next_commands(self, run: str, file: str | None) -> list[str]:
        return [
            f"ostinato predict {run} new.fa --output {'labels' if self.whole else 'segments'}.bed",
            f"ostinato predict {run} new.fa --output page.html"
            if not self.whole
            else f"ostinato predict {run} new.fa --json",
            "ostinato compare genome --time-limit 1m",
        ]

    def show(self, record: DnaSequence, prediction: Prediction) -> dict[str, str]:
        bases = (
            record.bases
            if len(record.bases) <= 60
            else f"{record.bases[:59]}… ({len(record.bases):,} bases)"
        )
        if self.whole:
            answer = f"{prediction.details['label']} ({prediction.details['score']:.0%})"
            return {"sequence": bases, "label": record.label, "prediction": answer}
        there = [segment for segment in record.segments if segment.label != self.background]
        found = prediction.details["segments"]
        first = "".join(
            f"; the first {each['start']:,} to {each['end']:,} {each['label']}"
            for each in found[:1]
        )
        return {"sequence": bases, "segments": f"{len(there):,}", "found": f"{len(found):,}{first}"}

    def baseline(self, records: Sequence[DnaSequence]) -> Baseline:
        return networks.Simplest.fit(self, records)

    def restore_baseline(self, state: dict[str, Any]) -> Baseline:
        return networks.Simplest.restore(type(self), state)


def as_strand(record: DnaSequence | Entry) -> DnaSequence:
    """What `predict` reads in pieces, in one piece."""
    return (
        record
        if isinstance(record, DnaSequence)
        else DnaSequence("".join(record.pieces), "", None, record.name, record.where)
    )
