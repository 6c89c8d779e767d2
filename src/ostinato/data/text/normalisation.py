"""Normalisation of a text before it is split into tokens."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

# marks the space before a token; in a text it is read as a space, as sentencepiece reads it
SPACE = "▁"


@dataclass(frozen=True)
class TextNormaliser:
    """NFC, so that é is one character however it was typed; lower case on request.

    TextNormaliser(lowercase=True)("E\\u0301TE\\u0301") -> "été" """

    lowercase: bool = False
    nfc: bool = True

    def __call__(self, text: str) -> str:
        text = text.lower() if self.lowercase else text
        return unicodedata.normalize("NFC", text) if self.nfc else text

    def normalise_spaces(self, text: str) -> str:
        """The same, with one space between words and none at the ends; "▁" counts as a space."""
        return " ".join(self(text).replace(SPACE, " ").split())
