"""Numbers to text one at a time, as a text is continued: what each token adds, and where the text must end."""

from __future__ import annotations

from ostinato.data.text.normalisation import SPACE
from ostinato.data.text.tokenizers import Tokenizer
from ostinato.data.text.vocabulary import EOS


class StreamingDetokenizer:
    """add = StreamingDetokenizer(units, after="Once upon a"); add(17) -> " time"; add(EOS) -> "\\n"; add(18) -> "There"

    What is added to `after`, joined, reads as if the units had decoded the whole."""

    def __init__(self, units: Tokenizer, *, after: str = ""):
        self.tokens = units.all_tokens
        self.characters = units.name == "character"
        self.between = " " if getattr(units, "tokenized", False) else ""
        self.fresh = not after or after[-1].isspace()  # no space is wanted here

    def __call__(self, number: int) -> str:
        if number == EOS:
            self.fresh = True
            return "\n"
        if self.characters:
            return self.tokens[number]
        text = (
            self.between + self.tokens[number]
            if self.between
            else self.tokens[number].replace(SPACE, " ")
        )
        text = text.lstrip(" ") if self.fresh else text
        self.fresh = self.fresh and not text
        return text


class StopSequence:
    """Passes text on until `stop` comes up in it; what might be its beginning waits until that is known.

    stop = StopSequence("END"); stop("the E") -> "the "; stop("Nd") -> "ENd"; stop(". END, and") -> ". "; stop.reached -> True"""

    def __init__(self, stop: str | None):
        self.stop, self.waiting, self.reached = stop, "", False

    def __call__(self, text: str) -> str:
        if not self.stop or self.reached:
            return "" if self.reached else text
        text = self.waiting + text
        place = text.find(self.stop)
        if place >= 0:
            self.reached, self.waiting = True, ""
            return text[:place]
        held = next(
            (
                size
                for size in range(min(len(text), len(self.stop) - 1), 0, -1)
                if self.stop.startswith(text[-size:])
            ),
            0,
        )
        self.waiting = text[len(text) - held :]
        return text[: len(text) - held]

    def rest(self) -> str:
        """What still waits, once no more text comes."""
        text, self.waiting = self.waiting, ""
        return text
