"""The tags of network and baseline in one scheme, that of the files, for their interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ostinato.data.text.sentence import Sentence
from ostinato.data.text.tag_forms import OUTSIDE, STANDARD, join_tag, split_tag
from ostinato.data.text.tag_schemes import SPELLING, allowed_transitions
from ostinato.decoding.viterbi import k_best
from ostinato.models.tagger import label_probabilities
from ostinato.tasks.shared.inference import answer_in_batches
from ostinato.tasks.shared.joint_labels import label_log_probabilities, label_rows
from ostinato.tasks.tagging.network import require_tagger
from ostinato.tasks.tagging.preprocessing import TaggingPreprocessing
from ostinato.tasks.tagging.sentence_parts import split_sentence

BY_NEIGHBOURS = ("iob1", "ioe1")  # schemes in which a letter depends on the span beside it
SMALLEST = 1e-12  # probability of a tag


@dataclass(frozen=True)
class JointTags:
    """The tags of the files as sums of the tags that the network learns.

    F tags of the files, K of the network, T words.

    Args:
        fitted: The fitted preprocessing.
        names: The tags of the files.
        places: The index in `names` of each of the network's tags [K].
        scheme: The scheme of the files; None if tags do not encode spans.
    """

    fitted: TaggingPreprocessing
    names: list[str]
    places: list[int]
    scheme: str | None

    @classmethod
    def of(cls, fitted: TaggingPreprocessing) -> JointTags | None:
        """The tags of a fitted task; None if a tag of the files depends on more than the network's
        tag of the same word.
        """
        tags = fitted.tags.tokens
        if fitted.span_scheme is None:
            return cls(fitted, list(tags), list(range(len(tags))), None)
        scheme = str(fitted.file_scheme)
        told = scheme == fitted.span_scheme or len(set(SPELLING[fitted.span_scheme])) == 4
        if not told or scheme in BY_NEIGHBOURS or fitted.file_form != STANDARD:
            return None
        written = [respell(tag, fitted.span_scheme, scheme) for tag in tags]
        names = sorted(set(written))
        return cls(fitted, names, [names.index(tag) for tag in written], scheme)

    def probabilities(self, network: nn.Module, records: Sequence[Sentence]) -> list[np.ndarray]:
        """The probability of each tag of the files at each word, [T, F] for each record.

        Args:
            network: A tagger, or its interpolation with the baseline.
            records: The sentences.
        """
        return label_rows(network, records, self.names, self.own_probabilities)

    def own_probabilities(
        self, network: nn.Module, records: Sequence[Sentence]
    ) -> list[np.ndarray]:
        """The same of a tagger; of a split sentence part by part."""
        tagger = require_tagger(network)
        parts = [
            (row, part)
            for row, record in enumerate(records)
            for part in split_sentence(record, self.fitted.options.maximum_tokens)
        ]
        found = answer_in_batches(
            network,
            [self.fitted.encode_inputs(part) for _, part in parts],
            lambda batch: list(label_probabilities(tagger, batch).cpu().numpy()),
            empty=np.zeros((0, len(self.places))),
        )
        sums = np.eye(len(self.names))[self.places]  # [K, F]
        rows: list[list[np.ndarray]] = [[np.zeros((0, len(self.names)))] for _ in records]
        for (row, part), each in zip(parts, found, strict=True):
            rows[row].append(each[: len(part.words)] @ sums)
        return [np.concatenate(each) for each in rows]

    def log_probabilities_of_words(
        self, network: nn.Module, records: Sequence[Sentence]
    ) -> np.ndarray:
        """log p of the tag of each word of all records."""
        rows = self.probabilities(network, records)
        return label_log_probabilities(rows, [record.tags for record in records], self.names)

    def decode(self, probabilities: np.ndarray, k: int) -> list[tuple[list[str], float]]:
        """The k likeliest allowed taggings, by the product of their tags' probabilities [T, F].

        Returns:
            At most k, the best first: the tags and the log-probability.
        """
        if not len(probabilities):
            return [([], 0.0)]
        scores = torch.from_numpy(np.log(np.maximum(probabilities, SMALLEST)))[None]
        masks = allowed_transitions(self.names, self.scheme)
        start, transitions, end = (
            torch.where(torch.tensor(mask), 0.0, -torch.inf).double() for mask in masks
        )
        lengths = torch.tensor([len(probabilities)])
        (paths,) = k_best(scores, lengths, k, transitions=transitions, start=start, end=end)
        return [([self.names[label] for label in path.labels], path.score) for path in paths]

    def log_probability(self, probabilities: np.ndarray, tags: Sequence[str]) -> float:
        """log p of tags under the probabilities [T, F]; -inf for an unknown tag."""
        if not set(tags) <= set(self.names):
            return -float("inf")
        places = [self.names.index(tag) for tag in tags]
        own = probabilities[np.arange(len(places)), places]
        return float(np.log(np.maximum(own, SMALLEST)).sum())


def respell(tag: str, scheme: str, other: str) -> str:
    """respell("E-PER", "iobes", "bio") -> "I-PER" """
    if tag == OUTSIDE:
        return tag
    letter, kind = split_tag(tag)
    # of letters that stand for several places, as I in BIO, the one inside a span comes first
    place = next(each for each in (0, 1, 2, 3) if SPELLING[scheme][each] == letter)
    return join_tag(SPELLING[other][place], kind)
