"""The most probable tags of sentences, and their metric counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import nn

from ostinato.data.batching.batch import Example
from ostinato.data.text.sentence import Sentence, fill_tags
from ostinato.data.text.tag_forms import OUTSIDE
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.decoding.viterbi import Path
from ostinato.metrics import METRICS
from ostinato.models.tagger import best_labels
from ostinato.notices import notify
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.prediction import Counts, Prediction
from ostinato.tasks.predictor import Predictor
from ostinato.tasks.shared.class_scores import natural_order, score_classes
from ostinato.tasks.shared.inference import answer_in_batches
from ostinato.tasks.shared.joint_labels import (
    JointLabels,
    join_labels,
)
from ostinato.tasks.shared.label_counts import draw_confusion
from ostinato.tasks.tagging.closed_form_tagger import ClosedFormTagger
from ostinato.tasks.tagging.joint_tags import JointTags
from ostinato.tasks.tagging.network import require_tagger
from ostinato.tasks.tagging.options import TaggingOptions
from ostinato.tasks.tagging.preprocessing import TaggingPreprocessing
from ostinato.tasks.tagging.sentence_parts import split_sentence, split_tagged
from ostinato.tasks.tagging.span_reader import SpanReader, span_reader
from ostinato.tasks.tagging.streaming import TaggingStreamer, why_not_step_by_step

SPAN_METRICS = ("f1", "precision", "recall")
MOST_CONFUSED = 60  # with more tags a confusion matrix is illegible
SHOWN_WORDS = 16  # words of an example in the report
SHOWN_MISTAKES = 5


@dataclass(frozen=True)
class Tagged(Prediction):
    """The best taggings of one sentence.

    Args:
        record: The sentence.
        taggings: (tags, log-probability) of each, the best first.
        k_best: Number of taggings asked for.
        unknown: Share of the words that are not in the vocabulary.
    """

    record: Sentence
    taggings: list[tuple[Sequence[str], float]]
    k_best: int = 1
    unknown: float = 0.0

    @property
    def tags(self) -> Sequence[str]:
        """The best tagging."""
        return self.taggings[0][0]

    @property
    def text(self) -> str:
        columns = [tags for tags, _ in self.taggings]
        # every sentence gets the same number of columns
        missing = [["_"] * len(self.record.words)] * (self.k_best - len(columns))
        return fill_tags(self.record, *columns, *missing)

    @property
    def candidates(self) -> list[tuple[str, float]]:
        if self.k_best == 1:
            return [(self.text, self.taggings[0][1])]
        return [(" ".join(tags), value) for tags, value in self.taggings]

    @property
    def details(self) -> dict[str, Any]:
        details: dict[str, Any] = {
            "words": list(self.record.words),
            "tags": list(self.tags),
            "log_probability": self.taggings[0][1],
        }
        if self.unknown:
            details["unknown"] = self.unknown
        if self.k_best > 1:
            details["n_best"] = [
                {"prediction": text, "log_probability": value} for text, value in self.candidates
            ]
        return details


class TaggingPredictor(Predictor):
    options: TaggingOptions
    preprocessing: TaggingPreprocessing
    one_pass = True

    def streamer(
        self, network: nn.Module, as_record: Callable[[Any], Any]
    ) -> TaggingStreamer | None:
        if self.why_no_streamer(network):
            return None
        return TaggingStreamer(self.preprocessing, as_record, network)

    def why_no_streamer(self, network: nn.Module) -> str:
        return why_not_step_by_step(network)

    def predict(self, network: nn.Module, records: Sequence[Sentence]) -> list[Tagged]:
        found = self.find_taggings(network, records, k=self.options.k_best)
        return [
            Tagged(
                record,
                taggings,
                k_best=self.options.k_best,
                unknown=self.preprocessing.share_unknown(record.words),
            )
            for record, taggings in zip(records, found, strict=True)
        ]

    def find_taggings(
        self,
        network: nn.Module,
        records: Sequence[Sentence],
        *,
        k: int = 1,
        probabilities: bool = True,
    ) -> list[list[tuple[Sequence[str], float]]]:
        """The k most probable taggings of each record in the scheme of the files, with their
        scores; see `search`.
        """
        if isinstance(network, JointLabels) and self.joint_tags is not None:
            rows = self.joint_tags.probabilities(network, records)
            return [list(self.joint_tags.decode(row, k)) for row in rows]
        found = self.search(network, records, k=k, probabilities=probabilities)
        return [[(self.tags_of(path), path.score) for path in paths] for paths in found]

    # interpolation with the baseline

    @cached_property
    def joint_tags(self) -> JointTags | None:
        return JointTags.of(self.preprocessing)

    def join(self, network: nn.Module, baseline: Baseline, weight: float) -> nn.Module | None:
        return None if self.joint_tags is None else join_labels(network, baseline, weight)

    def unit_log_probabilities(self, network: nn.Module, records: Sequence[Sentence]) -> np.ndarray:
        assert self.joint_tags is not None  # otherwise join returns None
        return self.joint_tags.log_probabilities_of_words(network, records)

    def tags_of(self, path: Path) -> Sequence[str]:
        """The tags of a path, in the scheme of the files."""
        return self.preprocessing.to_file_tags(self.preprocessing.tags.decode(path.labels))

    def search(
        self,
        network: nn.Module,
        records: Sequence[Sentence],
        *,
        k: int = 1,
        probabilities: bool = True,
    ) -> list[list[Path]]:
        """The k most probable paths of each record, best first; of a split sentence only the best.

        Args:
            network: A tagger.
            records: The sentences.
            k: Maximum number of paths.
            probabilities: Whether scores are normalised to log-probabilities, which takes longer.
        """
        if isinstance(network, ClosedFormTagger):
            return network.search(records, probabilities=probabilities)
        tagger = require_tagger(network)
        parts = [
            (row, part)
            for row, record in enumerate(records)
            for part in split_sentence(record, self.options.maximum_tokens)
        ]
        found: list[list[Path]] = answer_in_batches(
            network,
            [self.preprocessing.encode_inputs(part) for _, part in parts],
            lambda batch: best_labels(tagger, batch, k=k, probabilities=probabilities),
            empty=[],
        )
        answers: list[list[Path]] = [[] for _ in records]
        for (row, _), paths in zip(parts, found, strict=True):
            answers[row] = [join_paths(answers[row][0], paths[0])] if answers[row] else paths
        return [paths or [Path([], 0.0)] for paths in answers]

    def why_no_scores(self, network: nn.Module) -> str:
        unknown = isinstance(network, ClosedFormTagger) and network.model == "most-frequent"
        return "a model of most frequent tags knows no probabilities" * unknown

    def log_probabilities(self, network: nn.Module, records: Sequence[Sentence]) -> list[float]:
        """log P(tags | words), of a hidden Markov model log P(words, tags).

        -inf for a record with an unknown tag.
        """
        size, fitted = self.options.maximum_tokens, self.preprocessing
        parts = [
            (row, part) for row, record in enumerate(records) for part in split_tagged(record, size)
        ]
        if isinstance(network, JointLabels) and self.joint_tags is not None:
            rows = self.joint_tags.probabilities(network, records)
            return [
                self.joint_tags.log_probability(row, record.tags)
                for row, record in zip(rows, records, strict=True)
            ]
        if isinstance(network, ClosedFormTagger):
            return [
                network.log_probability(record.words, fitted.to_network_tags(record.tags))
                if fitted.knows_tags(record)
                else -torch.inf
                for record in records
            ]
        tagger = require_tagger(network)
        known = [fitted.knows_tags(part) for _, part in parts]
        found = answer_in_batches(
            network,
            [
                fitted.encode(part) if is_known else Example(torch.zeros(0))
                for (_, part), is_known in zip(parts, known, strict=True)
            ],
            lambda batch: tagger.log_probabilities(batch).tolist(),
            empty=0.0,
            with_targets=True,
        )
        totals = [0.0] * len(records)
        for (row, _), is_known, value in zip(parts, known, found, strict=True):
            totals[row] += value if is_known else -torch.inf
        return totals

    def count(
        self, network: nn.Module, records: Sequence[Sentence], predictions: Sequence[Tagged]
    ) -> dict[str, list[Counts]]:
        self.notify_unseen(records)
        reader = span_reader(self.preprocessing)
        return count_tags([prediction.tags for prediction in predictions], records, reader)

    def notify_unseen(self, records: Sequence[Sentence]) -> None:
        """Notifies of test tags that were not in the training data."""
        known = self.preprocessing.known_tags()
        unseen = Counter(tag for record in records for tag in record.tags if tag not in known)
        if unseen:
            most = ", ".join(f"{tag} ({count:,})" for tag, count in unseen.most_common(5))
            more = ", ..." if len(unseen) > 5 else ""
            notify(f"tags never seen in training, counted as wrong: {most}{more}")

    def count_quickly(
        self, network: nn.Module, records: Sequence[Sentence], metric: str
    ) -> list[Counts]:
        found = self.find_taggings(network, records, probabilities=False)
        taggings = [best[0][0] for best in found]
        return count_tags(taggings, records, span_reader(self.preprocessing))[metric]

    def analyse(
        self,
        records: Sequence[Sentence],
        predictions: Sequence[Tagged],
        counts: Mapping[str, list[Counts]],
        *,
        seed: int = 1,
    ) -> dict[str, Any]:
        """Precision, recall and F1 of each span type, or of each tag if tags do not encode
        spans.
        """
        answers = [prediction.tags for prediction in predictions]
        truths = [record.tags for record in records]
        return {"classes": score_classes(*map(self.list_classes, (answers, truths)))}

    def list_classes(self, taggings: Sequence[Sequence[str]]) -> list[list[tuple[str, Any]]]:
        """For each sentence, (type, position) of each span, or (tag, position) of each word."""
        spans_of = span_reader(self.preprocessing)
        if spans_of is None:
            return [[(tag, place) for place, tag in enumerate(tags)] for tags in taggings]
        return [
            [(span.kind, (span.start, span.end)) for span in spans_of(tags)] for tags in taggings
        ]

    def pictures(
        self, records: Sequence[Sentence], predictions: Sequence[Tagged]
    ) -> dict[str, Callable[[BinaryIO], object]]:
        """The confusion matrix of the tags of words, for spans of their types."""
        spans_of = span_reader(self.preprocessing)
        answers: list[str] = []
        truths: list[str] = []
        for record, prediction in zip(records, predictions, strict=True):
            answers += name_words(prediction.tags, spans_of)
            truths += name_words(record.tags, spans_of)
        names = Vocabulary(natural_order({*answers, *truths}), specials=())
        if not 2 <= len(names) <= MOST_CONFUSED:
            return {}
        return {"confusion.png": draw_confusion(answers, truths, names)}

    def show(self, record: Sentence, prediction: Tagged) -> dict[str, str]:
        triples = list(zip(record.words, prediction.tags, record.tags, strict=True))
        wrong = [f"{word}: {tag}, not {right}" for word, tag, right in triples if tag != right]
        if len(wrong) > SHOWN_MISTAKES:
            wrong[SHOWN_MISTAKES:] = [f"and {len(wrong) - SHOWN_MISTAKES} others"]
        pairs = list(zip(record.words, prediction.tags, strict=True))
        first, last = find_part(prediction.tags, record.tags)
        shown = " ".join(f"{word}/{tag}" for word, tag in pairs[first:last])
        return {
            "tagged": "… " * (first > 0) + shown + " …" * (last < len(pairs)),
            "wrong": "; ".join(wrong) or "nothing",
        }


def find_part(answers: Sequence[str], truths: Sequence[str]) -> tuple[int, int]:
    """The range of words that an example shows: around the first wrong tag, otherwise around the
    first tag other than O.
    """
    places = [
        place for place, pair in enumerate(zip(answers, truths, strict=True)) if len({*pair}) > 1
    ]
    places = places or [place for place, tag in enumerate(truths) if tag != OUTSIDE] or [0]
    first = max(0, min(places[0] - SHOWN_WORDS // 2, len(truths) - SHOWN_WORDS))
    return first, min(len(truths), first + SHOWN_WORDS)


def name_words(tags: Sequence[str], spans_of: SpanReader | None) -> list[str]:
    """The tag of each word; if tags encode spans, the type of its span or O."""
    if spans_of is None:
        return list(tags)
    names = [OUTSIDE] * len(tags)
    for span in spans_of(tags):
        names[span.start : span.end] = [span.kind] * (span.end - span.start)
    return names


def join_paths(path: Path, other: Path) -> Path:
    """Concatenates the paths of two parts of a sentence."""
    return Path(path.labels + other.labels, path.score + other.score)


def count_tags(
    taggings: Sequence[Sequence[str]],
    records: Sequence[Sentence],
    spans_of: SpanReader | None,
) -> dict[str, list[Counts]]:
    """The counts of each sentence for every metric, of its tags and, if there are any, spans."""
    counts: dict[str, list[Counts]] = {}
    if spans_of is not None:
        found = [
            METRICS["precision"].count(spans_of(tags), spans_of(record.tags))
            for tags, record in zip(taggings, records, strict=True)
        ]
        counts = {metric: list(found) for metric in SPAN_METRICS}
    counts["accuracy"] = [
        METRICS["accuracy"].count(list(tags), list(record.tags))
        for tags, record in zip(taggings, records, strict=True)
    ]
    return counts
