"""Texts as a classifier reads them: which tokens it knows, how they are spelled, and where a long text is cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ostinato.data.batching.batch import Example
from ostinato.data.files.wording import pluralise
from ostinato.data.text.characters import CharacterVocabulary
from ostinato.data.text.normalisation import SPACE
from ostinato.data.text.pretrained import read_embeddings
from ostinato.data.text.tokenizers import train_tokenizer
from ostinato.data.text.vocabulary import UNK
from ostinato.tasks.classification import classifiers
from ostinato.tasks.classification.series_inputs import some_part

if TYPE_CHECKING:
    from ostinato.tasks.classification.task import Classification

MANY_TEXTS = 500  # with so many, words seen once are better learned as <unk>
FEW_WORDS = 400_000  # so many are learned quickly enough that several networks can be afforded
MEMBERS = 4
REMEMBERED = 200_000  # words whose characters' numbers are kept at hand


def fit(task: Classification, texts: Sequence[str]) -> None:
    """Vocabulary, letters and pretrained vectors; a solved model's bag."""
    if task.solved:
        task.bag = classifiers.fit_bag(task, texts) if task.model == "bag-of-words" else None
        return
    size = task.vocabulary_size or (8000 if task.unit == "subword" else 20_000)
    minimum = task.minimum_count or (2 if len(texts) >= MANY_TEXTS else 1)
    if task.crop is None:
        task.crop = 1.0
    task.units = train_tokenizer(
        task.unit,
        texts,
        size=size,
        minimum_count=minimum,
        lowercase=task.lowercase,
        tokenized=task.tokenized,
    )
    longer = sum(len(text) > task.maximum_tokens < len(task.units.encode(text)) for text in texts)
    if longer:
        task.notices.append(
            f"{longer:,} {pluralise('text', longer)} longer than --maximum-tokens {task.maximum_tokens:,}: "
            f"the {task.cut} is left out"
        )
    if task.spells:
        task.letters = CharacterVocabulary.fit(map(task.units.normalise, texts))
    if task.members is None:
        few = (
            task.spells
            and sum(min(text.count(" ") + 1, task.maximum_tokens) for text in texts) <= FEW_WORDS
        )
        task.members = MEMBERS if few else 1
    if task.embeddings is not None:
        task.pretrained = read_embeddings(task.embeddings, task.units.all_tokens)
        task.embedding_size = task.pretrained.vectors.shape[1]
        task.notices.append(
            f"{task.embeddings}: vectors for {task.pretrained.coverage:.0%} of the vocabulary, "
            f"{task.embedding_size} numbers each"
        )


def encode(task: Classification, text: str, draw: int | None) -> Example:
    """A text's tokens, and where words are spelled their letters, without a label; with `draw`, of a part of it. An empty text
    has an answer, too."""
    tokens = shortened(
        task,
        (task.units.encode(text) or [UNK])
        if task.letters is None
        else task.units.tokens(text) or [""],
    )
    if draw is not None and task.varies:
        tokens = some_part(tokens, draw, task.crop)
    if task.letters is None:
        return Example(torch.tensor(tokens, dtype=torch.int64))
    numbers = task.units.vocabulary.encode(tokens)
    return Example(
        torch.tensor(numbers, dtype=torch.int64), None, [spelled(task, token) for token in tokens]
    )


def spelled(task: Classification, token: str) -> tuple[int, ...]:
    if len(task.remembered) > REMEMBERED:
        task.remembered.clear()
    if token not in task.remembered:
        task.remembered[token] = task.letters.spell(token.removeprefix(SPACE))
    return task.remembered[token]


def shortened(task: Classification, tokens: list) -> list:
    """As many tokens as --maximum-tokens allows, without those that --cut names."""
    excess = len(tokens) - task.maximum_tokens
    if excess <= 0:
        return tokens
    start = {"end": task.maximum_tokens, "start": 0, "middle": (task.maximum_tokens + 1) // 2}[
        task.cut
    ]
    return tokens[:start] + tokens[start + excess :]
