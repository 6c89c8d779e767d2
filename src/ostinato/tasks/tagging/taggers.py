"""The network that words are tagged by, and its search for the likeliest tags of a sentence, however long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from ostinato.cells import CELLS
from ostinato.data.batching.batch import Example, by_length, collate
from ostinato.data.text.conll import Sentence
from ostinato.data.text.tag_schemes import legal
from ostinato.decoding.viterbi import Path
from ostinato.errors import InputError
from ostinato.layers.character_encoder import Affixes, Speller
from ostinato.layers.embedding import Embedding
from ostinato.models.tagger import Tagger, best_labels

if TYPE_CHECKING:
    from ostinato.tasks.tagging.task import Tagging


def build(task: Tagging) -> Tagger:
    """A fresh network of the sizes that `task` asks for."""
    cell = CELLS[task.cell]
    words = Embedding(
        len(task.words), task.embedding_size, word_dropout=task.word_dropout, by_rows=True
    )
    speller = None
    if task.characters != "none":
        affixes = (
            Affixes(task.affix_size, folded=task.letters.folded()) if task.affix_size else None
        )
        speller = Speller(
            task.characters,
            len(task.letters),
            task.character_size,
            cell=cell,
            dropout=task.character_dropout,
            affixes=affixes,
        )
    features = [Embedding(len(each), task.feature_size) for each in task.features]
    return Tagger(
        words,
        speller,
        cell,
        task.hidden_size,
        len(task.tags),
        layers=task.layers,
        crf=task.crf,
        legal=legal(task.tags.tokens, task.spelled_out),
        dropout=task.dropout,
        recurrent_dropout=task.recurrent_dropout,
        locked=task.locked_dropout,
        features=features,
    )


@torch.inference_mode()
def search(
    task: Tagging,
    network: nn.Module,
    records: Sequence[Sentence],
    *,
    k: int = 1,
    probabilities: bool = True,
) -> list[list[Path]]:
    """The k likeliest taggings of each record, in the network's labels; of a sentence taken apart, only the likeliest."""
    if task.solved:
        return network.search(records, probabilities=probabilities)
    size = task.maximum_tokens
    places = [
        (row, start)
        for row, record in enumerate(records)
        for start in range(0, len(record.words), size)
    ]
    examples = [task.encode_inputs(cut_out(records[row], start, size)) for row, start in places]
    device = next(network.parameters()).device
    found: list[list[Path]] = [[] for _ in places]
    for group in by_length(examples):
        batch = collate([examples[place] for place in group]).to(device)
        for place, paths in zip(
            group, best_labels(network, batch, k=k, probabilities=probabilities), strict=True
        ):
            found[place] = paths
    answers: list[list[Path]] = [[] for _ in records]
    for (row, _), paths in zip(places, found, strict=True):
        answers[row] = [joined(answers[row][0], paths[0])] if answers[row] else paths
    return [paths or [Path([], 0.0)] for paths in answers]


@torch.inference_mode()
def log_probabilities(
    task: Tagging, network: nn.Module, records: Sequence[Sentence]
) -> list[float]:
    """log P(tags | words), of a hidden Markov model log P(words, tags); -inf with a tag that the model does not know."""
    cut = [
        (row, piece)
        for row, record in enumerate(records)
        for piece in pieces(record, task.maximum_tokens)
    ]
    possible = [knows(task, piece) for _, piece in cut]
    if task.solved:
        return [
            network.log_probability(record.words, task.learned(record.tags))
            if knows(task, record)
            else -torch.inf
            for record in records
        ]
    examples = [
        task.encode(piece) if known else Example(torch.zeros(0))
        for (_, piece), known in zip(cut, possible, strict=True)
    ]
    totals = [0.0] * len(records)
    for (row, _), known in zip(cut, possible, strict=True):
        totals[row] += 0.0 if known else -torch.inf
    device = next(network.parameters()).device
    for group in by_length(examples):
        batch = collate([examples[place] for place in group]).to(device)
        for place, value in zip(group, network.log_probabilities(batch).tolist(), strict=True):
            totals[cut[place][0]] += value
    return totals


def knows(task: Tagging, record: Sentence) -> bool:
    """Whether a record has only tags that were learned."""
    return all(tag in task.tags for tag in task.learned(record.tags))


def pieces(record: Sentence, size: int) -> list[Sentence]:
    """A sentence cut where it is longer than the network reads in one go. InputError where a word has no tag."""
    if len(record.tags) != len(record.words):
        raise InputError(
            f"a tag for each word is needed; got {len(record.tags)} for {len(record.words)} words"
        )
    if len(record.words) <= size:
        return [record]
    return [cut_out(record, start, size) for start in range(0, len(record.words), size)]


def cut_out(record: Sentence, start: int, size: int) -> Sentence:
    """So many words from `start` on, and what belongs to them."""
    words, tags, features = (
        part[start : start + size] for part in (record.words, record.tags, record.features)
    )
    return Sentence(words, tags, features=features)


def joined(path: Path, other: Path) -> Path:
    return Path(path.labels + other.labels, path.score + other.score)
