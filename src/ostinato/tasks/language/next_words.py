"""The most probable next words after a text, and completions of a half-typed word."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import torch

from ostinato.data.text.normalisation import SPACE
from ostinato.data.text.tokenizers import Tokenizer
from ostinato.data.text.vocabulary import EOS
from ostinato.decoding.typing_errors import ERROR, count_typing_errors, most_typing_errors
from ostinato.decoding.word_completion import Pieces, likely_words
from ostinato.tasks.language.network import LanguageNetwork
from ostinato.tasks.language.preprocessing import LanguagePreprocessing
from ostinato.tasks.shared.inference import device_of

POOL = 50  # number of probable words that are considered as corrections
WORD = re.compile(r"[\w'’-]*")


class Suggestion(NamedTuple):
    """A candidate for the next word.

    Attributes:
        word: The word.
        probability: Its probability given the words before.
        edits: The number of typing errors in what was typed of it.
    """

    word: str
    probability: float
    edits: int = 0

    @property
    def score(self) -> float:
        """P(word | words before) P(typed | word), by which suggestions are ranked."""
        return float(self.probability * ERROR**self.edits)


def suggest_words(
    preprocessing: LanguagePreprocessing, network: LanguageNetwork, text: str, count: int
) -> list[Suggestion]:
    """The most probable next words with their probabilities, given the words before.

    If no space follows the last word, these are its completions, and its corrections if it is
    misspelt; each typing error makes a word less probable by the factor ERROR (a noisy channel
    model, Kernighan, Church and Gale 1990).
    """
    tokenizer, tokenized = preprocessing.tokenizer, bool(preprocessing.options.tokenized)
    prefix = half_typed_word(text, tokenized=tokenized)
    before = text[: len(text) - len(prefix)]
    if before and not prefix and not before[-1].isspace():  # after a comma, say
        before += " "
    tokens = torch.tensor([preprocessing.prompt_ids(before)], device=device_of(network))  # [1, T]
    logits, state = network.read(tokens, network.initial_state(1))
    pieces = word_pieces(
        tokenizer,
        tokenized=tokenized,
        after_mark=bool(before) and not before[-1].isspace(),
    )
    typed = tokenizer.normalise(prefix)

    def search(prefix: str, count: int) -> dict[str, float]:
        return dict(likely_words(network.step, logits, state, pieces, count=count, prefix=prefix))

    found = {word: Suggestion(word, value) for word, value in search(typed, count).items()}
    if most := most_typing_errors(typed):
        # all words if these are single tokens; otherwise those that are probable here
        pool = POOL if pieces.inside.any() else len(pieces.texts)
        for begin in dict.fromkeys((typed[:1], "")) if pieces.inside.any() else ("",):
            for word, value in search(begin, pool).items():
                if abs(len(word) - len(typed)) > most and len(word) < len(typed):
                    continue
                edits = count_typing_errors(typed, word)
                if word not in found and edits <= most:
                    found[word] = Suggestion(word, value, edits)
    return sorted(found.values(), key=lambda each: (-each.score, each.word))[:count]


def half_typed_word(text: str, *, tokenized: bool) -> str:
    """The last word, if no space follows it; otherwise "".

    half_typed_word("I am (he", tokenized=False) -> "he"

    Args:
        text: The text so far.
        tokenized: Whether punctuation marks are separate words, so that "(he" is one word.
    """
    if not text or text[-1].isspace():
        return ""
    last = text.split()[-1]
    if not any(map(str.isalnum, last)):  # a punctuation mark is complete
        return ""
    if tokenized:
        return last
    reversed_word = WORD.match(last[::-1])
    return last[len(last) - reversed_word.end() :] if reversed_word else ""


def word_pieces(tokenizer: Tokenizer, *, tokenized: bool, after_mark: bool) -> Pieces:
    """Classifies tokens by whether they begin, continue and end a word.

    Args:
        tokenizer: The model's tokenizer.
        tokenized: Whether the words of the text are separated by spaces.
        after_mark: Whether the word follows a punctuation mark without a space, and so begins
            without one.
    """
    tokens = tokenizer.id_to_token
    texts = [token.removeprefix(SPACE) for token in tokens]
    spaced = np.array([token.startswith(SPACE) for token in tokens])  # [V], as all below
    none = np.zeros(len(tokens), bool)
    if tokenizer.name == "word":
        words = np.array(
            [id_ > EOS and any(map(str.isalnum, text)) for id_, text in enumerate(texts)]
        )
        return Pieces(texts, words & (tokenized | (spaced != after_mark)), none, ~none)
    inside = np.array(
        [id_ > EOS and bool(text) and bool(WORD.fullmatch(text)) for id_, text in enumerate(texts)]
    )
    if tokenizer.name == "character":
        return Pieces(texts, inside, inside, ~inside)
    begins = np.array(
        [id_ > EOS and (token == SPACE or inside[id_]) for id_, token in enumerate(tokens)]
    )
    return Pieces(texts, begins & (spaced != after_mark), inside & ~spaced, ~inside | spaced)
