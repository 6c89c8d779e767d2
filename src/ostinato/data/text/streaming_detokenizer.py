"""Streaming detokenizer: ids to text, one token at a time, as a text is generated.

Whole texts: `detokenize` of a tokenizer (`tokenizers.py`, `subwords.py`)."""

from __future__ import annotations

from ostinato.data.text.normalisation import SPACE
from ostinato.data.text.tokenizers import Tokenizer
from ostinato.data.text.vocabulary import EOS


class StreamingDetokenizer:
    """The text that each further token adds.

    add = StreamingDetokenizer(tokenizer, after="Once upon a")
    add(17) -> " time"; add(EOS) -> "\\n"; add(18) -> "There"

    `after` and the added texts, joined, are what the tokenizer would decode from all ids."""

    def __init__(self, tokenizer: Tokenizer, *, after: str = ""):
        self.tokens = tokenizer.id_to_token
        self.characters = tokenizer.name == "character"
        self.separator = " " if getattr(tokenizer, "tokenized", False) else ""
        self.fresh = not after or after[-1].isspace()  # the next token begins without a space

    def __call__(self, number: int) -> str:
        if number == EOS:
            self.fresh = True
            return "\n"
        token = self.tokens[number]
        if self.characters:
            return token
        text = self.separator + token if self.separator else token.replace(SPACE, " ")
        text = text.lstrip(" ") if self.fresh else text
        self.fresh = self.fresh and not text
        return text


class StopSequence:
    """Passes text on until `stop` occurs in it; a possible beginning of it is held back.

    stop = StopSequence("END")
    stop("the E") -> "the "; stop("Nd") -> "ENd"; stop(". END, and") -> ". "
    stop.reached -> True"""

    def __init__(self, stop: str | None):
        self.stop, self.held, self.reached = stop, "", False

    def __call__(self, text: str) -> str:
        if not self.stop or self.reached:
            return "" if self.reached else text
        text = self.held + text
        place = text.find(self.stop)
        if place >= 0:
            self.reached, self.held = True, ""
            return text[:place]
        size = next(
            (
                size
                for size in range(min(len(text), len(self.stop) - 1), 0, -1)
                if self.stop.startswith(text[-size:])
            ),
            0,
        )
        self.held = text[len(text) - size :]
        return text[: len(text) - size]

    def flush(self) -> str:
        """The text held back, once no more comes."""
        text, self.held = self.held, ""
        return text
