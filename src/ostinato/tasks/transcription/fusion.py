"""Language models for decoding: word n-grams within the prefix beam (shallow fusion), and
lists of phrases.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ostinato.baselines.ngram import NGram
from ostinato.data.audio.recordings import clean
from ostinato.data.files.lines import read_lines
from ostinato.decoding.ctc import NEVER
from ostinato.errors import InputError
from ostinato.tasks.transcription.options import TranscriptionOptions

END, UNKNOWN = 0, 1  # ids of the line's end and of unknown words
WordState = tuple[tuple[int, ...], str]  # the words before, and the letters of the one begun
SPELLING = math.log(1 / 30)  # log P of a letter of an unknown word


class WordNgram:
    """A Kneser-Ney model of the words of transcripts.

    Args:
        lines: Sentences, one for every time that they occur.
        order: Words of the longest n-grams.
    """

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

    def log_probability(self, history: tuple[int, ...], word: int) -> float:
        """log P of a word's id after a history."""
        if history not in self.known:
            with np.errstate(divide="ignore"):
                self.known[history] = np.log(self.model.distribution(history))
        return float(self.known[history][word])


class WordScorer:
    """A word n-gram model as the beam's scorer: letters are free, whole words cost.

    weight log P(word | words before) + bonus for every word. Unless the vocabulary is open, only
    words that the model knows can be written.

    Args:
        model: The n-gram model.
        tokens: The labels' tokens by number.
        characters: Whether labels are characters, with a space between words, or words.
    """

    def __init__(
        self,
        model: WordNgram,
        tokens: Sequence[str],
        *,
        characters: bool,
        weight: float,
        bonus: float,
        open_vocabulary: bool = False,
    ):
        self.model, self.tokens, self.characters = model, tokens, characters
        self.weight, self.bonus, self.open = weight, bonus, open_vocabulary
        self.prefixes = {word[:end] for word in model.ids for end in range(1, len(word) + 1)}

    def start(self) -> WordState:
        return (self.model.start(), "")

    def extend(self, state: Any, label: int) -> tuple[WordState, float]:
        history, partial = state
        token = self.tokens[label]
        if not self.characters:
            after, score = self.complete(history, token)
            return (after, ""), score
        if token == " ":
            if not partial:
                return state, NEVER  # no space before a word or after another space
            after, score = self.complete(history, partial)
            return (after, ""), score
        partial += token
        if not self.open and partial not in self.prefixes:
            return state, NEVER
        return (history, partial), 0.0

    def complete(self, history: tuple[int, ...], word: str) -> tuple[tuple[int, ...], float]:
        """The history after a word, and its score."""
        number = self.model.ids.get(word, UNKNOWN)
        if number == UNKNOWN and not self.open:
            return history, NEVER
        value = self.model.log_probability(history, number)
        if number == UNKNOWN:
            value += SPELLING * len(word)
        return self.model.extend(history, number), self.weight * value + self.bonus

    def finish(self, state: Any) -> float:
        history, partial = state
        score = 0.0
        if partial:
            history, score = self.complete(history, partial)
        return score + self.weight * self.model.log_probability(history, END)


def build_word_model(
    options: TranscriptionOptions, transcripts: Mapping[str, int]
) -> WordNgram | None:
    """The language model that --lm names."""
    if options.lm == "none":
        return None
    if options.lm == "transcripts":
        if not transcripts:
            raise InputError("the run has no transcripts for a language model; name a text file")
        lines = [text for text, number in transcripts.items() for _ in range(number)]
    else:
        lines = [clean(line) for line in read_lines(options.lm)]
        lines = [line.lower() for line in lines] if options.lowercase else lines
        if not any(lines):
            raise InputError(f"{options.lm}: no text for a language model")
    return WordNgram(lines, options.lm_order)


def read_phrases(options: TranscriptionOptions) -> list[str]:
    """The distinct lines of --phrases."""
    lines = [clean(line) for line in read_lines(options.phrases or "")]
    lines = [line.lower() for line in lines] if options.lowercase else lines
    phrases = list(dict.fromkeys(line for line in lines if line))
    if not phrases:
        raise InputError(f"{options.phrases}: no phrases")
    return phrases
