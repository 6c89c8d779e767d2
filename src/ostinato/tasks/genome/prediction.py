"""Predicted labels of sequences, or segments of their bases, and their metric counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from torch import nn

from ostinato.data.dna.bed import Segment, format_bed_line
from ostinato.data.dna.fasta import StreamedSequence
from ostinato.data.dna.nucleotides import reverse_complement
from ostinato.data.dna.sequences import DnaSequence
from ostinato.errors import InputError, option_name, option_off
from ostinato.metrics import METRICS
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.genome.base_labels import BaseLabeller, LabelledBases
from ostinato.tasks.genome.highlight import LabelledText, highlight_page, highlight_terminal
from ostinato.tasks.genome.labels import labels_of
from ostinato.tasks.genome.options import GenomeOptions
from ostinato.tasks.genome.preprocessing import GenomePreprocessing
from ostinato.tasks.genome.segmentation import LABEL_METRICS, Run
from ostinato.tasks.genome.streaming import BaseStreamer, SequenceStreamer
from ostinato.tasks.genome.windows import BASES_PER_BATCH
from ostinato.tasks.prediction import Counts, Prediction
from ostinato.tasks.predictor import Predictor
from ostinato.tasks.shared.classifier_streamer import why_not_step_by_step
from ostinato.tasks.shared.joint_labels import join_labels, label_log_probabilities, label_rows
from ostinato.tasks.shared.label_counts import (
    class_probabilities,
    count_labels,
    draw_confusion,
    log_probability,
    notify_unseen,
)

SEQUENCE_BASES_PER_BATCH = 1 << 15  # for labels of sequences, padding included
SEQUENCES_AHEAD = 256  # sequences that are read before they are labelled


@dataclass(frozen=True)
class LabelledSequence(Prediction):
    """The label of a whole sequence, and the probability of every label."""

    name: str
    bases: str = field(repr=False)
    label: str
    probabilities: dict[str, float]

    @property
    def score(self) -> float:
        """The probability of the label."""
        return max(self.probabilities.values())

    @property
    def text(self) -> str:
        segment = Segment(0, len(self.bases), self.label)
        return format_bed_line(self.name, segment, self.score)

    @property
    def details(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "label": self.label,
            "score": self.score,
            "probabilities": self.probabilities,
        }

    @property
    def labelled_text(self) -> LabelledText:
        heading = f"{self.name} {self.label} {self.score:.3f}"
        return LabelledText(heading, 0, [Run(self.bases, self.label)])


class GenomePredictor(Predictor):
    options: GenomeOptions
    preprocessing: GenomePreprocessing

    def streamer(
        self, network: nn.Module, as_record: Callable[[Any], Any]
    ) -> BaseStreamer | SequenceStreamer | None:
        if self.why_no_streamer(network):
            return None
        if self.preprocessing.per_base:
            return BaseStreamer(self.preprocessing, as_record, network)
        return SequenceStreamer(self, as_record, network)

    def why_no_streamer(self, network: nn.Module) -> str:
        if not self.preprocessing.per_base:
            return why_not_step_by_step(network)
        if self.preprocessing.carries_state:
            return ""
        return (
            "the network reads in both directions: it needs the sequence "
            f"({option_off('bidirectional')})"
        )

    @property
    def averages_strands(self) -> bool:
        """Whether the probabilities of both strands are averaged."""
        options, carries_state = self.options, self.preprocessing.carries_state
        if options.both_strands is None:
            strandless = options.model in ("k-mers", "most-frequent")
            return options.reverse_complement and not carries_state and not strandless
        if options.both_strands and carries_state:
            raise InputError(
                f"{option_name('both_strands')} needs a model trained with "
                f"{option_name('bidirectional')}: "
                "this one reads one strand from its beginning"
            )
        return options.both_strands

    def predict(
        self, network: nn.Module, records: Sequence[DnaSequence | StreamedSequence]
    ) -> list[LabelledSequence] | list[LabelledBases]:
        sequences = [join_pieces(record) for record in records]
        if not self.preprocessing.per_base:
            return self.label_sequences(network, sequences)
        return self.label_bases(network, sequences)

    def stream(
        self, network: nn.Module, inputs: Iterator[StreamedSequence], *, ahead: int = 1
    ) -> Iterator[LabelledSequence | LabelledBases]:
        """Predicts while sequences are read; the bases of a long one in several predictions."""
        if not self.preprocessing.per_base:
            # the pieces of a sequence are joined before the next one is read
            sequences = map(join_pieces, inputs)
            yield from super().stream(network, sequences, ahead=min(ahead, SEQUENCES_AHEAD))
            return
        labeller = self.base_labeller(network)
        yield from labeller.label(
            chain.from_iterable(map(labeller.split_stream, inputs)),
            bases_per_batch=1 if ahead == 1 else BASES_PER_BATCH,
            in_regions=True,
        )

    # labels of sequences

    def probabilities(self, network: nn.Module, sequences: Sequence[DnaSequence]) -> np.ndarray:
        """The probability of each label for each sequence, [N, K]."""
        names = self.preprocessing.labels.tokens
        rows = label_rows(network, list(sequences), names, self.own_rows)
        return np.concatenate(rows) if rows else np.zeros((0, len(names)))

    def join(self, network: nn.Module, baseline: Baseline, weight: float) -> nn.Module | None:
        return None if self.preprocessing.per_base else join_labels(network, baseline, weight)

    def unit_log_probabilities(
        self, network: nn.Module, records: Sequence[DnaSequence]
    ) -> np.ndarray:
        names = self.preprocessing.labels.tokens
        rows = label_rows(network, records, names, self.own_rows)
        return label_log_probabilities(rows, [[record.label] for record in records], names)

    def own_rows(self, network: nn.Module, sequences: Sequence[DnaSequence]) -> list[np.ndarray]:
        """The network's own probability of each label [1, K] for each sequence."""
        both = list(sequences)
        averages = self.averages_strands
        if averages:  # the other strands follow, in the same order
            both += [each._replace(bases=reverse_complement(each.bases)) for each in sequences]
        examples = [self.preprocessing.encode(each) for each in both]
        labels = len(self.preprocessing.labels)
        found = class_probabilities(network, examples, labels, tokens=SEQUENCE_BASES_PER_BATCH)
        number = len(sequences)
        return list(((found[:number] + found[number:]) / 2 if averages else found)[:, None])

    def label_sequences(
        self, network: nn.Module, sequences: Sequence[DnaSequence]
    ) -> list[LabelledSequence]:
        rows = self.probabilities(network, sequences)
        return [self.choose(*each) for each in zip(rows, sequences, strict=True)]

    def choose(self, row: np.ndarray, sequence: DnaSequence | None = None) -> LabelledSequence:
        """Chooses the most probable label, given the probability of each [K]."""
        names = self.preprocessing.labels.tokens
        name, bases = ("sequence", "") if sequence is None else (sequence.name, sequence.bases)
        shares = dict(zip(names, row.tolist(), strict=True))
        return LabelledSequence(name, bases, names[int(row.argmax())], shares)

    # labels of bases

    def base_labeller(self, network: nn.Module) -> BaseLabeller:
        return BaseLabeller(network, self.options, self.preprocessing, self.averages_strands)

    def label_bases(
        self, network: nn.Module, sequences: Iterable[DnaSequence]
    ) -> list[LabelledBases]:
        labeller = self.base_labeller(network)
        return list(labeller.label(chain.from_iterable(map(labeller.split, sequences))))

    # output and metrics

    def format_lines(
        self,
        predictions: Iterator[LabelledSequence | LabelledBases],
        output: str | None = None,
    ) -> Iterator[str]:
        """BED lines; or coloured sequences, with --highlight or for a file named .html."""
        labels, background = self.preprocessing.labels.tokens, self.preprocessing.background
        texts = (prediction.labelled_text for prediction in predictions)  # read only when coloured
        if Path(output or "").suffix.lower() in (".html", ".htm"):
            return highlight_page(texts, labels, background)
        if self.options.highlight:
            return highlight_terminal(texts, labels, background)
        # a sequence may have no segments
        return (prediction.text for prediction in predictions if prediction.text)

    def count(
        self,
        network: nn.Module,
        records: Sequence[DnaSequence],
        predictions: Sequence[LabelledSequence] | Sequence[LabelledBases],
    ) -> dict[str, list[Counts]]:
        names = [label for record in records for label in labels_of(record)]
        notify_unseen(names, self.preprocessing.labels)
        return self.count_answers(records, predictions)

    def count_answers(
        self,
        records: Sequence[DnaSequence],
        predictions: Sequence[LabelledSequence | LabelledBases],
    ) -> dict[str, list[Counts]]:
        """The metric counts of each sequence, or of each block of bases."""
        if self.preprocessing.per_base:
            regions = [each.region for each in predictions if isinstance(each, LabelledBases)]
            return {
                metric: [counts for region in regions for counts in region.counts[metric]]
                for metric in LABEL_METRICS
            }
        answers = [each for each in predictions if isinstance(each, LabelledSequence)]
        names = self.preprocessing.labels.tokens
        counts = count_labels(
            [[answer.label] for answer in answers],
            [answer.probabilities for answer in answers],
            [[record.label] for record in records],
            names,
            several=False,
        )
        ranked = [names[id] for id in self.preprocessing.ranked]
        ranks = [
            METRICS["auroc"].count(
                [answer.probabilities[name] for name in ranked],
                [record.label == name for name in ranked],
            )
            for record, answer in zip(records, answers, strict=True)
        ]
        return {
            "accuracy": counts["accuracy"],
            "f1": counts["f1"],
            "auroc": ranks,
            "auprc": list(ranks),
        }

    def count_quickly(
        self, network: nn.Module, records: Sequence[DnaSequence], metric: str
    ) -> list[Counts]:
        return self.count_answers(records, self.predict(network, records))[metric]

    def log_probabilities(self, network: nn.Module, records: Sequence[DnaSequence]) -> list[float]:
        """log P of each sequence's label, or of the labels of its bases; -inf for an unknown
        label.
        """
        if self.preprocessing.per_base:
            missing = next((record for record in records if record.segments is None), None)
            if missing is not None:
                raise InputError(f"{missing.where}: no labels to compute the probability of")
            answers = self.label_bases(network, records)
            return [answer.region.log_probability for answer in answers]
        missing = next((record for record in records if not record.label), None)
        if missing is not None:
            raise InputError(f"{missing.where}: no label to compute the probability of")
        return [
            log_probability(answer.probabilities, [record.label], several=False)
            for record, answer in zip(records, self.label_sequences(network, records), strict=True)
        ]

    def pictures(
        self,
        records: Sequence[DnaSequence],
        predictions: Sequence[LabelledSequence | LabelledBases],
    ) -> dict[str, Callable[[BinaryIO], object]]:
        if self.preprocessing.per_base:
            return {}
        answers = [each.label for each in predictions if isinstance(each, LabelledSequence)]
        truths = [record.label for record in records]
        return {"confusion.png": draw_confusion(answers, truths, self.preprocessing.labels)}

    def show(
        self, record: DnaSequence, prediction: LabelledSequence | LabelledBases
    ) -> dict[str, str]:
        bases = record.bases
        if len(bases) > 60:
            bases = f"{bases[:59]}… ({len(bases):,} bases)"
        if isinstance(prediction, LabelledSequence):
            answer = f"{prediction.label} ({prediction.score:.0%})"
            return {"sequence": bases, "label": record.label, "prediction": answer}
        true = [label for label in labels_of(record) if label != self.preprocessing.background]
        found = prediction.region.segments
        first = "".join(
            f"; the first {start:,} to {end:,} {label}" for (start, end, label), _ in found[:1]
        )
        return {"sequence": bases, "segments": f"{len(true):,}", "found": f"{len(found):,}{first}"}


def join_pieces(record: DnaSequence | StreamedSequence) -> DnaSequence:
    """Reads all pieces of a streamed sequence."""
    if isinstance(record, DnaSequence):
        return record
    return DnaSequence("".join(record.pieces), name=record.name, where=record.where)
