"""Words as the numbers of their characters: what a CharacterEncoder reads, so that words never seen say something, too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ostinato.data.text.vocabulary import BOS, EOS, Vocabulary

LONGEST_WORD = 30  # of longer ones the characters of both ends are read


class CharacterVocabulary:
    """letters = CharacterVocabulary.fit(["ab", "Ba"]);  letters.spell("ab") -> (2, 6, 7, 3): between <bos> and <eos>"""

    def __init__(self, alphabet: Vocabulary):
        self.alphabet = alphabet

    @classmethod
    def fit(cls, words: Iterable[str], *, minimum_count: int = 2) -> CharacterVocabulary:
        """Those of the words; a character seen less often is <unk>."""
        return cls(Vocabulary.count(words, minimum_count=minimum_count))

    def __len__(self) -> int:
        return len(self.alphabet)

    def spell(self, word: str) -> tuple[int, ...]:
        half = LONGEST_WORD // 2
        return (
            BOS,
            *self.alphabet.encode(
                word if len(word) <= LONGEST_WORD else word[:half] + word[-half:]
            ),
            EOS,
        )

    def folded(self) -> list[int]:
        """For each number another one, the same for characters that differ in case alone, and for all digits."""
        numbers: dict[str, int] = {}
        return [
            numbers.setdefault("0" if letter.isdigit() else letter.lower(), 1 + len(numbers))
            for letter in self.alphabet.tokens
        ]

    def to_dict(self) -> dict[str, Any]:
        return self.alphabet.to_dict()

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> CharacterVocabulary:
        return cls(Vocabulary.from_dict(content))
