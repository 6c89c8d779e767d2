"""Language models of --embeddings RUN[,RUN]: how they read words, and their weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from ostinato import options as option_fields
from ostinato.data.batching.readings import Reading
from ostinato.data.text.normalisation import SPACE
from ostinato.data.text.tokenizers import Tokenizer, WordTokenizer
from ostinato.data.text.vocabulary import UNK
from ostinato.errors import InputError, option_name
from ostinato.models.contextual_embedding import ContextualEmbedding, ReadingModel
from ostinato.models.language_model import LanguageModel
from ostinato.notices import notify
from ostinato.tasks.language import TASK as LANGUAGE
from ostinato.tasks.saved_task import FORMAT, describe, load_weights_of, restore_task
from ostinato.tasks.task import Task

MOST_UNKNOWN = 0.5  # of the tokens: a model that knows fewer has read another language
SAID_UNKNOWN = 0.01
# none of them is needed to read with the model
NOT_KEPT = {
    **dict.fromkeys(("dropout", "recurrent_dropout", "weight_drop", "zoneout"), 0.0),
    **dict.fromkeys(("input_dropout", "layer_dropout", "output_dropout"), None),
    **dict.fromkeys(("word_dropout", "state_reset"), 0.0),
    "embeddings": None,
    "freeze_embeddings": False,
    "suggest": 0,
    "cache": 0,
}


class Words(NamedTuple):
    """The words of a text.

    Attributes:
        words: As they are spelled.
        spaced: Whether there is a space before each; None: before all of them.
        begins: Whether the text begins with them.
    """

    words: Sequence[str]
    spaced: Sequence[bool] | None = None
    begins: bool = True


@dataclass(frozen=True)
class ContextualText:
    """How language models read words.

    Args:
        tasks: The language task of each model, fitted.
        weights: Those of each model's embedding and recurrence, by their names in a ReadingModel;
            for initialisation only.
    """

    tasks: tuple[Task, ...] = ()
    weights: tuple[Mapping[str, Tensor], ...] = field(default=(), repr=False, compare=False)

    @classmethod
    def from_runs(cls, runs: Sequence[str], texts: Iterable[Words]) -> Self:
        """The language models of run folders.

        Args:
            runs: The folders.
            texts: The training data, of which the models must know most characters or words.

        Raises:
            InputError: No run, a damaged one, one of another task or without states, or one that
                does not know the language.
        """
        found = [read_run(run) for run in runs]
        contextual = cls(tuple(task for task, _ in found), tuple(weights for _, weights in found))
        totals = [[0, 0] for _ in runs]
        for words in texts:
            for total, reading in zip(totals, contextual.read(words), strict=True):
                total[0] += int((reading.tokens == UNK).sum())
                total[1] += len(reading.tokens)
        for run, task, (unknown, tokens) in zip(runs, contextual.tasks, totals, strict=True):
            describe_model(run, task, unknown / max(1, tokens))
        return contextual

    def read(self, words: Words) -> list[Reading]:
        """What each model reads of a text of words."""
        return [read_words(task.preprocessing, words) for task in self.tasks]

    def to_dict(self) -> list[dict[str, Any]]:
        """What `from_dict` reads, as JSON can hold it."""
        return [
            {
                "format": FORMAT,
                "options": option_fields.to_dict(task.options),
                "state": task.preprocessing.to_dict(),
            }
            for task in self.tasks
        ]

    @classmethod
    def from_dict(cls, state: Sequence[dict[str, Any]]) -> Self:
        """The inverse of `to_dict`; nothing is read from the runs that were named."""
        tasks = tuple(restore_task(LANGUAGE, each, "language model") for each in state)
        if any(task.options.closed_form for task in tasks):
            raise ValueError("a language model without states")
        return cls(tasks)

    def build(self, *, tuned: bool) -> ContextualEmbedding | None:
        """A network of the models' sizes; None where there is no model."""
        if not self.tasks:
            return None
        return ContextualEmbedding([build_reader(task) for task in self.tasks], tuned=tuned)

    def initialise(self, embedding: ContextualEmbedding) -> None:
        """Copies the weights of the runs into a new network."""
        for model, weights in zip(embedding.readers, self.weights, strict=False):
            model.load_state_dict(dict(weights))


def read_run(run: str) -> tuple[Task, dict[str, Tensor]]:
    """The task of a language model's run, and the weights that read; InputError for other runs."""
    flag, description = option_name("embeddings"), describe(run)
    if description["task"] != LANGUAGE.name:
        raise InputError(
            f"{flag} {run}: a run of task {description['task']}, not {LANGUAGE.name}; contextual "
            "embeddings are the states of a language model"
        )
    task = restore_task(LANGUAGE, description, run)
    network = load_weights_of(task, Path(run), "cpu")
    if not isinstance(network, LanguageModel):
        raise InputError(
            f"{flag} {run}: a {task.options.model} model has no states to read; give a run of a "
            "recurrent network"
        )
    values = {**option_fields.to_dict(task.options), **NOT_KEPT}
    options = LANGUAGE.create(values).options
    task = replace(
        task, options=options, preprocessing=replace(task.preprocessing, options=options)
    )
    reader = ReadingModel(network.embedding, network.recurrent)
    return task, {name: tensor.clone() for name, tensor in reader.state_dict().items()}


def build_reader(task: Task) -> ReadingModel:
    """A new network that reads as the language model of this task does."""
    network: nn.Module = task.build_unchecked()
    assert isinstance(network, LanguageModel)
    return ReadingModel(
        network.embedding, network.recurrent, backward=task.options.direction == "backward"
    )


def describe_model(run: str, task: Task, unknown: float) -> None:
    """Says how much of the training data a model knows; InputError where it is too little."""
    options = task.options
    if unknown > MOST_UNKNOWN:
        raise InputError(
            f"{option_name('embeddings')} {run}: {unknown:.0%} of the {options.unit}s of the "
            "training data are unknown to this language model; is it of the right language?"
        )
    known = f"; {unknown:.0%} of the {options.unit}s are unknown to it"
    notify(
        f"{run}: a language model of {options.unit}s that reads {options.direction}, "
        f"{task.options.last_size or options.hidden_size} units"
        f"{known if unknown >= SAID_UNKNOWN else ''}"
    )


def read_words(preprocessing: Any, words: Words) -> Reading:
    """What one model reads: the words between spaces, from the text's end if it reads backward.

    Forward, of a model of characters: "\\n It rains" -> tokens \\n I t _ r a i n s, ends [2, 8]."""
    tokenizer, backward = preprocessing.tokenizer, preprocessing.options.direction == "backward"
    spaced = words.spaced or [True] * len(words.words)
    by_character = tokenizer.name == "character"
    space = tokenizer.encode(" ") if by_character else []
    ids: list[int] = [preprocessing.line_end] if words.begins else []
    ends = [0] * len(words.words)
    order = range(len(words.words))
    for number in reversed(order) if backward else order:
        own = word_ids(tokenizer, words.words[number], spaced=spaced[number])
        if backward:
            ids += reversed(own)
            ends[number] = max(0, len(ids) - 1)
            ids += space if spaced[number] and number else []
        else:
            ids += space if spaced[number] and (number or not words.begins) else []
            ids += own
            ends[number] = max(0, len(ids) - 1)
    ids = ids or [UNK]  # a piece of a text whose words have no characters
    return Reading(
        torch.tensor(ids, dtype=torch.int64),
        torch.tensor(ends, dtype=torch.int64),
    )


def word_ids(tokenizer: Tokenizer, word: str, *, spaced: bool) -> list[int]:
    """A word's ids; a model of words may know a mark after a space, or without one, alone."""
    if not isinstance(tokenizer, WordTokenizer):
        return tokenizer.encode(word)
    tokens = tokenizer.tokenize(word)
    known = tokenizer.vocabulary.token_ids
    if not spaced and tokens and tokens[0].removeprefix(SPACE) in known:
        tokens[0] = tokens[0].removeprefix(SPACE)
    return [known.get(token, known.get(token.removeprefix(SPACE), UNK)) for token in tokens]
