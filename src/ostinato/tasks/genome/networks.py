"""The networks that DNA can be labelled by, and the baseline that stands beside each in its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.baselines import bag_of_words
from ostinato.baselines.bag_of_words import BagOfWords, ClassFrequencies, LinearClassifier
from ostinato.baselines.convolution import Convolution
from ostinato.baselines.feedforward import Feedforward
from ostinato.baselines.kmers import Kmers
from ostinato.baselines.segmenters import (
    DilatedConvolution,
    HmmSegmenter,
    LabelFrequencies,
    count_segments,
)
from ostinato.cells import CELLS
from ostinato.data.dna import nucleotides
from ostinato.data.dna.sequences import DnaSequence
from ostinato.layers.motifs import Motifs, OneHot, WithMotifs
from ostinato.layers.recurrent import Recurrent
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.models.classifier import Classifier, RecurrentBody
from ostinato.models.ensemble import ClassifierEnsemble, SegmenterEnsemble
from ostinato.models.heads import SoftmaxHead
from ostinato.models.segmenter import Segmenter
from ostinato.tasks.genome import examples
from ostinato.tasks.legacy import Unsuitable
from ostinato.tasks.solved_baseline import SolvedBaseline

if TYPE_CHECKING:
    from ostinato.tasks.genome.task import Genome

WIDTHS = (5, 9, 15)  # of the convolution's filters: as motifs are wide
SHOWN = {
    "most-frequent": "most frequent label",
    "k-mers": "bag of k-mers",
    "weight-matrix": "position weights",
    "hmm": "hidden Markov model",
}
FOR_WHOLE, FOR_BASES = ("k-mers", "weight-matrix", "feedforward"), ("hmm",)
MOST_JUDGED = 3000  # of more records so many are enough to choose by
JUDGED = 10  # a tenth of the training data judges which baseline is the best


def weights_of(task: Genome, records: Sequence[DnaSequence]) -> list[float]:
    """How much an example or a base of each label counts, 1 in the mean: "balanced" is one over its frequency, "root" the root of that."""
    counts: Counter[str] = Counter()
    for record in records:
        if task.whole:
            counts[record.label] += 1
            continue
        for segment in record.segments:
            counts[segment.label] += segment.end - segment.start
        counts[task.labels.tokens[0]] += len(record.bases) - sum(
            segment.end - segment.start for segment in record.segments
        )
    given = np.array([counts[label] for label in task.labels.tokens], dtype=np.float64)
    raw = given ** -{"none": 0.0, "root": 0.5, "balanced": 1.0}[task.class_weights]
    return (raw * given.sum() / (raw * given).sum()).tolist()


def fit(task: Genome, records: Sequence[DnaSequence]) -> None:
    """What a model needs to know before it is built, and all of it for one that is counted or solved."""
    if task.model in (FOR_BASES if task.whole else FOR_WHOLE):
        raise Unsuitable(
            f"--model {task.model} needs {'labels of bases' if task.whole else 'one label a sequence'}"
        )
    lengths = [len(record.bases) for record in records]
    if task.model == "feedforward" and task.fixed_length is None:
        task.fixed_length = max(1, int(np.quantile(lengths, 0.95)))
    if task.model == "weight-matrix" and len(set(lengths)) > 1:
        raise Unsuitable(
            f"--model weight-matrix needs sequences of one length; these have {min(lengths):,} to {max(lengths):,} bases"
        )
    if task.model in ("k-mers", "weight-matrix"):
        task.bag = fit_bag(task, records)
    if task.solved:
        task.solution = solve(task, records)


def solve(task: Genome, records: Sequence[DnaSequence]) -> tuple[np.ndarray, ...]:
    """What `put` of a counted or solved network takes."""
    if task.model == "hmm":
        letters = letter_table(task)
        pairs = (
            (letters[nucleotides.encode(record.bases)], examples.truth(task, record))
            for record in records
        )
        return count_segments(
            pairs, len(task.labels), order=task.kmer or 5, letters=int(letters.max()) + 1
        )
    if not task.whole:
        shares = sum(
            np.bincount(examples.truth(task, record), minlength=len(task.labels))
            for record in records
        )
        return (shares / shares.sum(),)
    truth = np.array([task.labels.token_to_id(record.label) for record in records])
    if task.model == "most-frequent":
        return (np.bincount(truth, minlength=len(task.labels)) / len(truth),)
    vectors = [task.bag.vector(counted_in(task, record.bases)) for record in records]
    weights = None if task.class_weights == "none" else dict(enumerate(task.weights))
    return bag_of_words.fit_logistic_regression(
        vectors, truth, len(task.bag), len(task.labels), strength=task.strength, weights=weights
    )


def letter_table(task: Genome) -> np.ndarray:
    """number of a nucleotide -> 1 to 4 for A C G T, 5 for N and the other codes; 0 is what stands before the first."""
    one_hot = nucleotides.one_hot_table("unknown" if task.masked == "unknown" else "ignore")
    letters = np.where(one_hot.max(1) == 1, one_hot.argmax(1) + 1, 5)
    letters[0] = 0
    return letters.astype(np.int64)


def fit_bag(task: Genome, records: Sequence[DnaSequence]) -> BagOfWords | Kmers:
    if not bag_of_words.available():
        raise Unsuitable(f"--model {task.model} needs scikit-learn; pip install 'ostinato[genome]'")
    counted = (counted_in(task, record.bases) for record in records)
    if task.model == "k-mers":
        return Kmers.fit(counted, longest=task.kmer or 6)
    return BagOfWords.fit(counted, order=1, weighting="counts", minimum=2)


def counted_in(task: Genome, bases: str) -> list[str] | np.ndarray:
    """What a bag is made of: each base with its place; or letters 0 to 3, of both strands (-1 between them) if these are alike."""
    bases = examples.shortened(bases, task.maximum_length)
    if task.model == "weight-matrix":
        return [f"{place}{base}" for place, base in enumerate(bases.upper().replace("U", "T"))]
    numbers = nucleotides.encode(bases)
    if task.reverse_complement:
        numbers = np.concatenate(
            [numbers, [nucleotides.UNKNOWN], nucleotides.other_strand(numbers)]
        )
    letters = letter_table(task)[numbers] - 1
    return np.where(letters > 3, -1, letters)


def restore_bag(task: Genome, content: dict[str, Any] | None) -> BagOfWords | Kmers | None:
    if content is None:
        return None
    return Kmers.from_dict(content) if task.model == "k-mers" else BagOfWords.from_dict(content)


def bag_vector(task: Genome, bases: str) -> Tensor:
    return torch.from_numpy(
        np.stack(task.bag.vector(counted_in(task, bases)), 1).astype(np.float32)
    )


def build(task: Genome) -> nn.Module:
    """A fresh network for what `task` asks for."""
    if task.bag is not None:
        return LinearClassifier(len(task.bag), len(task.labels))
    if task.model == "hmm":
        return HmmSegmenter(
            len(task.labels), table=torch.from_numpy(letter_table(task)), order=task.kmer or 5
        )
    if task.model == "most-frequent":
        return (
            ClassFrequencies(len(task.labels)) if task.whole else LabelFrequencies(len(task.labels))
        )
    one_hot = OneHot(torch.from_numpy(nucleotides.one_hot_table(task.masked)))
    size, weights = one_hot.table.shape[1], torch.tensor(task.weights)
    if not task.whole:
        motifs, body = parts(task, size)
        return Segmenter(
            one_hot, motifs, body, len(task.labels), dropout=task.dropout, weights=weights
        )
    body = whole_body(task, size)
    return Classifier(
        one_hot,
        body,
        SoftmaxHead(body.output_size, len(task.labels), weights=weights),
        dropout=task.dropout,
        input_dropout=0.0,
    )


def whole_body(task: Genome, size: int) -> nn.Module:
    if task.model == "convolution":
        return Convolution(size, filters=task.filters, widths=WIDTHS)
    if task.model == "feedforward":
        return Feedforward(size, task.hidden_size, length=task.fixed_length)
    motifs = (
        Motifs(size, task.motifs, task.motif_width, pool=task.motif_pool) if task.motifs else None
    )
    body = RecurrentBody(
        CELLS[task.cell],
        motifs.output_size if motifs else size,
        task.hidden_size,
        layers=task.layers,
        bidirectional=task.bidirectional,
        pooling=task.pooling,
        dropout=task.dropout,
        recurrent_dropout=task.recurrent_dropout,
    )
    return body if motifs is None else WithMotifs(motifs, body)


def parts(task: Genome, size: int) -> tuple[Motifs | None, nn.Module]:
    """The motif detectors and the body of a network that labels bases."""
    if task.model == "convolution":
        return None, DilatedConvolution(size, task.filters)
    motifs = (
        Motifs(size, task.motifs, task.motif_width, causal=task.carries) if task.motifs else None
    )
    body = Recurrent(
        CELLS[task.cell],
        motifs.output_size if motifs else size,
        task.hidden_size // (1 + task.bidirectional),
        layers=task.layers,
        bidirectional=task.bidirectional,
        dropout=task.dropout,
        recurrent_dropout=task.recurrent_dropout,
    )
    return motifs, body


def combine(task: Genome, networks: list[nn.Module]) -> nn.Module:
    return ClassifierEnsemble(networks) if task.whole else SegmenterEnsemble(networks)


class Simplest(SolvedBaseline):
    """Of the models that need no training step by step the best, judged on a tenth of the training data."""

    @staticmethod
    def shown(model: str) -> str:
        return SHOWN[model]

    @classmethod
    def fit(cls, task: Genome, records: Sequence[DnaSequence]) -> Simplest:
        kinds = list(candidates(task, records))
        if task.whole and not bag_of_words.available():
            task.notices.append(
                "baseline: the most frequent label; pip install 'ostinato[genome]' for a bag of k-mers"
            )
        kind = kinds[-1]
        if len(kinds) > 1 and len(records) >= (2 * JUDGED if task.whole else 1):
            some = records[:: max(1, len(records) // MOST_JUDGED)]
            rest, judges = task.hold_out(some, number=max(1, len(some) // JUDGED), seed=0)
            if rest and len(examples.labels_of(rest)) == len(task.labels):
                tried = {each: cls.of(task, rest, model=each, both_strands=False) for each in kinds}
                kind = max(
                    kinds,
                    key=lambda each: corpus_score(
                        METRICS[task.dev_metric], tried[each].measure(judges)[task.dev_metric]
                    ),
                )
        return cls.of(task, records, model=kind, both_strands=False)


def candidates(task: Genome, records: Sequence[DnaSequence]) -> Iterator[str]:
    """The baselines that are to be had for these records, the one to take unjudged last."""
    yield "most-frequent"
    if not task.whole:
        yield "hmm"
    elif bag_of_words.available():
        if len({len(record.bases) for record in records}) == 1:
            yield "weight-matrix"
        yield "k-mers"
