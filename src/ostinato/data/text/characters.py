"""Words as the ids of their characters, so that unseen words have a representation, too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ostinato.data.text.vocabulary import BOS, EOS, Vocabulary

LONGEST_WORD = 30  # of longer ones the characters of both ends are read


class CharacterVocabulary:
    """Characters and their ids.

    characters = CharacterVocabulary.fit(["ab", "Ba"])
    characters.encode("ab") -> (2, 6, 7, 3): between <bos> and <eos>"""

    def __init__(self, alphabet: Vocabulary):
        self.alphabet = alphabet

    @classmethod
    def fit(cls, words: Iterable[str], *, minimum_count: int = 2) -> CharacterVocabulary:
        """The characters of the words; one seen less often than `minimum_count` is <unk>."""
        return cls(Vocabulary.count(words, minimum_count=minimum_count))

    def __len__(self) -> int:
        return len(self.alphabet)

    def encode(self, word: str) -> tuple[int, ...]:
        """The ids of a word's characters, between <bos> and <eos>."""
        half = LONGEST_WORD // 2
        read = word if len(word) <= LONGEST_WORD else word[:half] + word[-half:]
        return (BOS, *self.alphabet.encode(read), EOS)

    def fold_case(self) -> list[int]:
        """For each id another one, the same for characters that differ in case, and for digits."""
        ids: dict[str, int] = {}
        return [
            ids.setdefault("0" if letter.isdigit() else letter.lower(), 1 + len(ids))
            for letter in self.alphabet.tokens
        ]

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` reads, as JSON can hold it."""
        return self.alphabet.to_dict()

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> CharacterVocabulary:
        """The vocabulary that gave this by `to_dict`; ValueError for anything else."""
        return cls(Vocabulary.from_dict(content))
