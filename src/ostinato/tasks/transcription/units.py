"""The units of transcripts, one per label: characters, subwords, or words (or phones)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from ostinato.data.audio.recordings import clean
from ostinato.data.text.normalisation import SPACE, TextNormaliser
from ostinato.data.text.subwords import SubwordTokenizer
from ostinato.data.text.vocabulary import SPECIALS


class Spelling(NamedTuple):
    """The text that a label adds to a transcript.

    Attributes:
        begins: Whether the label begins a new word.
        letters: Its letters; "" for a space.
    """

    begins: bool
    letters: str


@dataclass(frozen=True)
class Units:
    """Splits transcripts into tokens, and joins tokens.

    Args:
        kind: "character", "subword" or "word".
        subwords: The subword tokenizer, for kind "subword".
    """

    kind: str
    subwords: SubwordTokenizer | None = None

    @classmethod
    def fit(cls, kind: str, texts: Sequence[str], *, size: int) -> tuple[Self, list[str]]:
        """Fits the units; returns them with all tokens of the transcripts."""
        if kind != "subword":
            units = cls(kind)
            return units, sorted(Counter(token for text in texts for token in units.split(text)))
        # transcripts are normalised already
        tokenizer = SubwordTokenizer.fit(texts, size=size, normaliser=TextNormaliser())
        return cls(kind, tokenizer), tokenizer.id_to_token[len(SPECIALS) :]

    def split(self, text: str) -> list[str]:
        """split("go on") -> ["g", "o", " ", "o", "n"], ["▁go", "▁on"] or ["go", "on"]"""
        if self.subwords is not None:
            return self.subwords.tokenize(text)
        return list(text) if self.kind == "character" else text.split()

    def join(self, tokens: Iterable[str]) -> str:
        if self.subwords is not None:
            return clean(self.subwords.detokenize(tokens))
        return clean(("" if self.kind == "character" else " ").join(tokens))

    def spell(self, token: str) -> Spelling:
        if self.kind == "word":
            return Spelling(True, token)
        if self.kind == "subword":
            return Spelling(token.startswith(SPACE), token.removeprefix(SPACE))
        return Spelling(token.isspace(), token.strip())

    def to_dict(self) -> dict[str, Any] | None:
        """The subword tokenizer as JSON values; None without one."""
        return None if self.subwords is None else self.subwords.to_dict()

    @classmethod
    def from_dict(cls, kind: str, state: dict[str, Any] | None) -> Self:
        if state is None:
            return cls(kind)
        return cls(kind, SubwordTokenizer.from_dict(state, normaliser=TextNormaliser()))
