"""Sparse feature vectors of sequences for logistic regression: k-mers, or bases at positions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ostinato.baselines import bag_of_words
from ostinato.baselines.bag_of_words import BagOfWords
from ostinato.baselines.kmers import Kmers
from ostinato.data.dna import nucleotides
from ostinato.data.dna.sequences import cut_to_middle
from ostinato.errors import option_name
from ostinato.tasks.genome.options import GenomeOptions
from ostinato.tasks.unsuitable import Unsuitable


@dataclass(frozen=True)
class KmerFeatures:
    """Weighted counts of k-mers; with --reverse-complement, of both strands."""

    options: GenomeOptions
    bag: Kmers

    @classmethod
    def fit(cls, options: GenomeOptions, sequences: Iterable[str]) -> Self:
        letters = (encode_letters(options, bases) for bases in sequences)
        return cls(options, Kmers.fit(letters, longest=options.kmer or 6))

    def vector(self, bases: str) -> tuple[np.ndarray, np.ndarray]:
        """The ids of the features of a sequence, and their values."""
        return self.bag.vector(encode_letters(self.options, bases))


@dataclass(frozen=True)
class PositionFeatures:
    """The base at each position, one-hot: the features of a position weight matrix."""

    options: GenomeOptions
    bag: BagOfWords

    @classmethod
    def fit(cls, options: GenomeOptions, sequences: Iterable[str]) -> Self:
        tokens = (positioned_bases(options, bases) for bases in sequences)
        return cls(options, BagOfWords.fit(tokens, order=1, weighting="counts", minimum=2))

    def vector(self, bases: str) -> tuple[np.ndarray, np.ndarray]:
        """The ids of the features of a sequence, and their values."""
        return self.bag.vector(positioned_bases(self.options, bases))


BagFeatures = KmerFeatures | PositionFeatures


def encode_letters(options: GenomeOptions, bases: str) -> np.ndarray:
    """The bases as ids 0 to 3, -1 for any other letter; with --reverse-complement those of both
    strands, separated by -1.
    """
    ids = nucleotides.encode(cut_to_middle(bases, options.maximum_length))
    if options.reverse_complement:
        other = nucleotides.reverse_complement_ids(ids)
        ids = np.concatenate([ids, [nucleotides.UNKNOWN], other])
    letters = nucleotides.letter_table(options.masked)[ids] - 1
    return np.where(letters > 3, -1, letters)


def positioned_bases(options: GenomeOptions, bases: str) -> list[str]:
    """Each base with its position: "ACU" -> ["0A", "1C", "2T"]"""
    bases = cut_to_middle(bases, options.maximum_length).upper().replace("U", "T")
    return [f"{position}{base}" for position, base in enumerate(bases)]


def fit_features(options: GenomeOptions, sequences: Iterable[str]) -> BagFeatures | None:
    """Fits the features of --model k-mers or weight-matrix; None for other models."""
    if options.model not in ("k-mers", "weight-matrix"):
        return None
    if not bag_of_words.available():
        raise Unsuitable(
            f"{option_name('model')} {options.model} needs scikit-learn; pip install "
            "'ostinato[genome]'"
        )
    kind = KmerFeatures if options.model == "k-mers" else PositionFeatures
    return kind.fit(options, sequences)


def restore_features(options: GenomeOptions, content: dict[str, Any] | None) -> BagFeatures | None:
    """Restores the features from their `bag.to_dict()`."""
    if content is None:
        return None
    if options.model == "k-mers":
        return KmerFeatures(options, Kmers.from_dict(content))
    return PositionFeatures(options, BagOfWords.from_dict(content))


def encode_features(features: BagFeatures, bases: str) -> Tensor:
    """[N, 2]: the id and the value of each feature of a sequence."""
    return torch.from_numpy(np.stack(features.vector(bases), 1).astype(np.float32))
