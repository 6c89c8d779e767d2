"""Language models for decoding (shallow fusion): word n-grams, lists of words and of phrases."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ostinato.baselines.ngram import NGram
from ostinato.data.audio.recordings import clean
from ostinato.data.files.lines import read_lines
from ostinato.decoding.ctc import NEVER, LabelScorer
from ostinato.errors import InputError
from ostinato.tasks.saved_task import describe
from ostinato.tasks.transcription.language_runs import CharacterScorer, RunModel, RunWords
from ostinato.tasks.transcription.options import TranscriptionOptions
from ostinato.tasks.transcription.units import Spelling

END, UNKNOWN = 0, 1  # ids of the end of a line and of unknown words
WordState = tuple[Any, str]  # the history of words, and the letters of the current word
SPELLING = math.log(1 / 30)  # log P of a letter of an unknown word


class WordNgram:
    """A Kneser-Ney model of the words of transcripts.

    Args:
        lines: The sentences, repeated as often as they occur.
        order: Order of the longest n-grams.
    """

    unknown = UNKNOWN

    def __init__(self, lines: Iterable[str], order: int):
        sentences = [line.split() for line in lines if line.split()]
        self.sentences = {" ".join(words) for words in sentences}
        words = sorted({word for sentence in sentences for word in sentence})
        self.ids = {word: number for number, word in enumerate(words, start=2)}
        tokens = [each for words in sentences for each in (*map(self.ids.get, words), END)]
        self.order = order
        self.model = NGram.fit(
            np.array(tokens), order=order, size=len(words) + 2, first=END, boundary=END
        )
        self.known: dict[tuple[int, ...], np.ndarray] = {}

    def start(self) -> tuple[int, ...]:
        return (END,)[: self.order - 1]

    def extend(self, history: tuple[int, ...], word: int) -> tuple[int, ...]:
        return (*history, word)[-(self.order - 1) :] if self.order > 1 else ()

    def find(self, word: str) -> int | None:
        """A word's id; None for an unknown word."""
        return self.ids.get(word)

    def log_probability(self, history: tuple[int, ...], word: int) -> float:
        """log P of a word's id after a history."""
        if history not in self.known:
            with np.errstate(divide="ignore"):
                self.known[history] = np.log(self.model.distribution(history))
        return float(self.known[history][word])

    def end_score(self, history: tuple[int, ...]) -> float:
        return self.log_probability(history, END)

    def words(self) -> list[str]:
        return list(self.ids)


class WordModel(Protocol):
    """The protocol of word language models, with their own ids and histories."""

    unknown: Any

    def start(self) -> Any: ...

    def find(self, word: str) -> Any: ...

    def extend(self, history: Any, word: Any) -> Any: ...

    def log_probability(self, history: Any, word: Any) -> float: ...

    def end_score(self, history: Any) -> float: ...

    def words(self) -> list[str] | None: ...


class WordScorer:
    """Scores hypotheses of the beam with a word language model, at the end of each word.


    The score of a word is weight log P(word | history) + bonus. Unless the vocabulary is open, only
    words that the model knows are possible.

    Args:
        model: The language model.
        spellings: The text that each label adds to the transcript, by id.
        whole: Whether each label is a whole word.
        weight: The weight of the language model.
        bonus: Added for every word.
        open_vocabulary: Whether unknown words are possible.
    """

    def __init__(
        self,
        model: WordModel,
        spellings: Sequence[Spelling],
        *,
        whole: bool,
        weight: float,
        bonus: float,
        open_vocabulary: bool = False,
    ):
        self.model, self.spellings, self.whole = model, spellings, whole
        self.weight, self.bonus = weight, bonus
        words = model.words()
        self.open = open_vocabulary or words is None
        self.prefixes = {word[:end] for word in words or () for end in range(1, len(word) + 1)}

    def start(self) -> WordState:
        return (self.model.start(), "")

    def extend(self, state: Any, label: int) -> tuple[WordState, float]:
        history, partial = state
        begins, letters = self.spellings[label]
        if self.whole:
            history, score = self.complete(history, letters)
            return (history, ""), score
        score = 0.0
        if begins and partial:
            history, score = self.complete(history, partial)
            partial = ""
        elif begins and not letters:
            return state, NEVER  # no space before a word or after another space
        partial += letters
        if partial and not self.open and partial not in self.prefixes:
            return state, NEVER
        return (history, partial), score

    def complete(self, history: Any, word: str) -> tuple[Any, float]:
        """The history after a word, and its score."""
        number = self.model.find(word)
        if number is None and not self.open:
            return history, NEVER
        spelling = 0.0
        if number is None:
            number, spelling = self.model.unknown, SPELLING * len(word)
        value = self.model.log_probability(history, number) + spelling
        return self.model.extend(history, number), self.weight * value + self.bonus

    def finish(self, state: Any) -> float:
        history, partial = state
        score = 0.0
        if partial:
            history, score = self.complete(history, partial)
        return score + self.weight * self.model.end_score(history)


class WordList:
    """A closed vocabulary in which all words are equally good in any order."""

    sentences: frozenset[str] = frozenset()
    unknown = UNKNOWN

    def __init__(self, words: Iterable[str]):
        self.known = list(dict.fromkeys(words))
        self.ids = {word: number for number, word in enumerate(self.known, start=2)}

    def start(self) -> tuple[int, ...]:
        return ()

    def find(self, word: str) -> int | None:
        return self.ids.get(word)

    def extend(self, history: tuple[int, ...], word: int) -> tuple[int, ...]:
        return history

    def log_probability(self, history: tuple[int, ...], word: int) -> float:
        return 0.0

    def end_score(self, history: tuple[int, ...]) -> float:
        return 0.0

    def words(self) -> list[str]:
        return self.known


class PhraseScorer:
    """Restricts hypotheses of the beam to a list of phrases, given as label ids."""

    def __init__(self, phrases: Sequence[Sequence[int]]):
        self.whole = {tuple(phrase) for phrase in phrases}
        self.begun = {phrase[:end] for phrase in self.whole for end in range(len(phrase) + 1)}

    def start(self) -> tuple[int, ...]:
        return ()

    def extend(self, state: Any, label: int) -> tuple[tuple[int, ...], float]:
        grown = (*state, label)
        return grown, 0.0 if grown in self.begun else NEVER

    def finish(self, state: Any) -> float:
        return 0.0 if state in self.whole else NEVER


def build_language_model(
    options: TranscriptionOptions, transcripts: Mapping[str, int]
) -> WordNgram | WordList | RunModel | None:
    """Builds the language model of --lm, or the vocabulary of --words; None without either."""
    if options.words is not None:
        return WordList(word for line in read_text(options.words, options) for word in line.split())
    if options.lm == "none":
        return None
    if Path(options.lm).is_dir():
        unit = describe(options.lm)["options"].get("unit", "character")
        return RunModel(options.lm) if unit == "character" else RunWords(options.lm)
    if options.lm == "transcripts":
        if not transcripts:
            raise InputError("the run has no transcripts for a language model; name a text file")
        lines = [text for text, number in transcripts.items() for _ in range(number)]
        return WordNgram(lines, options.lm_order)
    return WordNgram(read_text(options.lm, options), options.lm_order)


def read_text(file: str, options: TranscriptionOptions) -> list[str]:
    lines = [clean(line) for line in read_lines(file)]
    if not any(lines):
        raise InputError(f"{file}: no text for a language model")
    return [line.lower() for line in lines] if options.lowercase else lines


def build_scorer(
    model: WordNgram | WordList | RunModel,
    options: TranscriptionOptions,
    spellings: Sequence[Spelling],
) -> LabelScorer:
    """Builds the beam's scorer for a language model; `spellings` are those of the labels, by id."""
    weight, bonus = options.lm_weight, options.word_bonus
    if isinstance(model, RunModel) and not isinstance(model, RunWords):
        return CharacterScorer(model, spellings, weight=weight, bonus=bonus)
    return WordScorer(
        model,
        spellings,
        whole=options.unit == "word",
        weight=weight,
        bonus=bonus,
        open_vocabulary=options.open_vocabulary,
    )
