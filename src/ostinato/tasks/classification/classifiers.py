"""The networks that classification can be done by, and the baseline that stands beside each in its report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.baselines import bag_of_words
from ostinato.baselines.bag_of_words import Bag, Constant, LinearBag
from ostinato.baselines.convolution import Convolution
from ostinato.baselines.feedforward import Feedforward
from ostinato.cells import CELLS
from ostinato.data.labelled import Labelled
from ostinato.data.text.normalisation import TextNormaliser
from ostinato.data.text.tokenizers import CharacterTokenizer, WordTokenizer
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.layers.embedding import Embedding
from ostinato.layers.spelling import Affixes, Speller
from ostinato.models.classifier import Classifier, RecurrentBody, Together
from ostinato.models.labels import Classes, Grades, ManyLabels
from ostinato.tasks.solved_baseline import SolvedBaseline
from ostinato.tasks.task import Unsuitable

if TYPE_CHECKING:
    from ostinato.tasks.classification.task import Classification

WORD_DROPOUT = {
    "word": 0.5,
    "subword": 0.2,
    "character": 0.0,
}  # a text is told by few of its words, but by all of its letters
CHARACTER_DROPOUT = 0.1
SERIES_DROPOUT = 0.2  # of the numbers of a series
MOST_COEFFICIENTS = 1_000_000  # of a bag of words beside a report: n-grams x labels


def build(task: Classification) -> nn.Module:
    """A fresh network for what `task` asks for."""
    if task.model == "most-frequent":
        return Constant(len(task.labels))
    if task.model == "bag-of-words":
        return LinearBag(len(task.bag), len(task.labels), many=task.many)
    return (
        Together([build_one(task) for _ in range(task.members)])
        if (task.members or 1) > 1
        else build_one(task)
    )


def build_one(task: Classification) -> Classifier:
    embedding = speller = None
    if task.units is not None:
        word_dropout = WORD_DROPOUT[task.unit] if task.word_dropout is None else task.word_dropout
        embedding = Embedding(len(task.units), task.embedding_size, word_dropout=word_dropout)
        embedding.weight.requires_grad_(not (task.embeddings and task.freeze_embeddings))
    if task.letters is not None:
        affixes = (
            Affixes(task.affix_size, folded=task.letters.folded()) if task.affix_size else None
        )
        speller = Speller(
            task.characters,
            len(task.letters),
            task.character_size,
            cell=CELLS[task.cell],
            dropout=CHARACTER_DROPOUT,
            affixes=affixes,
        )
    size = (
        task.scaler.dimensions
        if embedding is None
        else task.embedding_size + (speller.output_size if speller is not None else 0)
    )
    body = build_body(task, size)
    input_dropout = task.dropout if embedding is not None else SERIES_DROPOUT
    if task.input_dropout is not None:
        input_dropout = task.input_dropout
    return Classifier(
        embedding,
        body,
        build_head(task, body.output_size),
        dropout=task.dropout,
        input_dropout=input_dropout,
        speller=speller,
    )


def build_body(task: Classification, size: int) -> nn.Module:
    if task.model == "convolution":
        return Convolution(size, filters=task.filters)
    if task.model == "feedforward":
        return Feedforward(size, task.hidden_size, length=task.fixed_length)
    return RecurrentBody(
        CELLS[task.cell],
        size,
        task.hidden_size,
        layers=task.layers,
        bidirectional=task.bidirectional,
        pooling=task.pooling,
        dropout=task.dropout,
        recurrent_dropout=task.recurrent_dropout,
    )


def build_head(task: Classification, size: int) -> nn.Module:
    weights = torch.tensor(task.weights)
    if task.many:
        return ManyLabels(size, len(task.labels), weights=weights)
    if task.ordinal:
        return Grades(size, len(task.labels), weights=weights)
    return Classes(size, len(task.labels), weights=weights, label_smoothing=task.label_smoothing)


def solve(task: Classification, records: Sequence[Labelled]) -> tuple[np.ndarray, ...]:
    """What `put` of a solved network takes: the classes' shares, or the coefficients that scikit-learn finds."""
    truth = np.array(
        [[label in task.labels_of(record) for label in task.labels.tokens] for record in records],
        dtype=np.float64,
    )
    if task.model == "most-frequent":
        return (truth.mean(0),)
    vectors = [task.bag.vector(bag_tokens(task, record.inputs)) for record in records]
    weights = None if task.class_weights == "none" else dict(enumerate(task.weights))
    return bag_of_words.solve(
        vectors,
        truth if task.many else truth.argmax(1),
        len(task.bag),
        len(task.labels),
        strength=task.strength,
        weights=weights,
    )


def fit_bag(task: Classification, texts: Sequence[str]) -> Bag:
    if not bag_of_words.available():
        raise Unsuitable(
            "--model bag-of-words needs scikit-learn; pip install 'ostinato[baselines]'"
        )
    order = task.ngrams or (4 if task.unit == "character" else 2)
    most = max(1000, min(50_000, MOST_COEFFICIENTS // len(task.labels)))
    return Bag.fit(
        (bag_tokens(task, text) for text in texts),
        order=order,
        weighting=task.weighting,
        most=most,
        minimum=task.minimum_count or (2 if len(texts) >= 100 else 1),
    )


def bag_tokens(task: Classification, text: str) -> list[str]:
    """What a bag is made of: words, or characters where these are the unit."""
    spelling, none = TextNormaliser(task.lowercase, True), Vocabulary([])
    units = (
        CharacterTokenizer(none, spelling)
        if task.unit == "character"
        else WordTokenizer(none, spelling, task.tokenized)
    )
    return units.tokens(text)


def bag_vector(task: Classification, text: str) -> Tensor:
    return torch.from_numpy(np.stack(task.bag.vector(bag_tokens(task, text)), 1).astype(np.float32))


class Simple(SolvedBaseline):
    """A bag of words, or the most frequent label."""

    @classmethod
    def fit(cls, task: Classification, records: Sequence[Labelled]) -> Simple:
        """The best that is to be had: a bag of words for texts if scikit-learn is installed, else the most frequent label."""
        text = isinstance(records[0].inputs, str)
        model = "bag-of-words" if text and bag_of_words.available() else "most-frequent"
        if text and model == "most-frequent":
            task.notices.append(
                "baseline: the most frequent label; pip install 'ostinato[baselines]' for a bag of words"
            )
        return cls.of(task, records, model=model, dev_metric="accuracy")
