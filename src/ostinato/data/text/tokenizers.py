"""Text <-> tokens <-> numbers: words, characters or subwords, all with the same few methods.

units = train_tokenizer("word", ["Hello, world!"])
units.tokens("Hello, world!") -> ["▁Hello", ",", "▁world", "!"]
units.decode(units.encode("Hello, world!")) -> "Hello, world!"

The law: `units.decode(units.encode(text)) == units.normalise(text)` if no token is unknown. `tokens` and `encode` run
in step, so that a decoder can copy the source token that stands where the number says `<unk>`.
None adds `<bos>` or `<eos>`; `decode` leaves out both, and `<pad>`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ostinato.data.text.normalisation import SPACE, TextNormaliser
from ostinato.data.text.subwords import SubwordTokenizer
from ostinato.data.text.vocabulary import BOS, EOS, PAD, UNK, Vocabulary
from ostinato.errors import InputError, nearest

MARKS = "\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u06d6-\u06ed\u0900-\u0903\u093a-\u094f"
MARKS += "\u0981-\u0983\u09bc-\u09cd\u0a01-\u0a03\u0a3c-\u0a4d\u0b01-\u0b03\u0b82\u0bbe-\u0bcd\u0c00-\u0c04"
MARKS += "\u0c3e-\u0c4d\u0d00-\u0d03\u0d3e-\u0d4d\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u200c\u200d\ufe00-\ufe0f"
LETTERS = rf"(?:[^\W\d_][{MARKS}]*)+"
WORD = re.compile(
    rf"{LETTERS}['’](?=[aeiouyhœæ]|[à-åè-ïò-öù-ý])"  # an elision, kept on its left: l' homme, dell' arte
    rf"|(?<=[^\W\d_])['’]{LETTERS}"  # a contraction, kept on its right: don 't, it 's
    rf"|{LETTERS}"
    r"|\d+(?:[.,:]\d+)*"
    r"|([^\w\s])\1*"  # a run of one mark: ... !! --
    r"|\S",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class WordTokenizer:
    """Words and marks; a token that follows a space starts with "▁", so that joining them gives the text back.

    `tokenized` texts are cut at their spaces only, and joined with spaces."""

    vocabulary: Vocabulary
    spelling: TextNormaliser = field(default_factory=TextNormaliser)
    tokenized: bool = False
    name = "word"

    def normalise(self, text: str) -> str:
        """What comes back from `decode`: the spelling's text, one space between words, none at the ends."""
        return (
            " ".join(self.spelling(text).split()) if self.tokenized else self.spelling.spaced(text)
        )

    def tokens(self, text: str) -> list[str]:
        chunks = self.normalise(text).split()
        return (
            chunks
            if self.tokenized
            else [token for chunk in chunks for token in words(SPACE + chunk)]
        )

    def encode(self, text: str, *, sample: int | None = None) -> list[int]:
        """Text -> numbers. `sample` is for units that can cut a text in several ways: words cannot."""
        return self.vocabulary.encode(self.tokens(text))

    def join(self, tokens: Iterable[str]) -> str:
        return " ".join(tokens) if self.tokenized else "".join(tokens).replace(SPACE, " ").strip()

    def decode(self, numbers: Iterable[int], *, copies: Sequence[str] | None = None) -> str:
        """Numbers -> text; `copies[i]` is the token put where number i is `<unk>`, which else shows as "<unk>"."""
        unknown = "<unk>" if self.tokenized else SPACE + "<unk>"
        return self.join(spelled(self.vocabulary, numbers, copies, unknown))

    @property
    def all_tokens(self) -> list[str]:
        """The token that each number stands for."""
        return self.vocabulary.tokens

    def __len__(self) -> int:
        return len(self.vocabulary)

    def to_dict(self) -> dict:
        return {**common(self), "tokenized": self.tokenized}


@dataclass(frozen=True)
class CharacterTokenizer:
    """Single characters, spaces and line ends among them: nothing but the spelling is lost."""

    vocabulary: Vocabulary
    spelling: TextNormaliser = field(default_factory=TextNormaliser)
    name = "character"

    def normalise(self, text: str) -> str:
        return self.spelling(text)

    def tokens(self, text: str) -> list[str]:
        return list(self.normalise(text))

    def encode(self, text: str, *, sample: int | None = None) -> list[int]:
        """Text -> numbers. `sample` is for units that can cut a text in several ways: characters cannot."""
        return self.vocabulary.encode(self.normalise(text))

    def join(self, tokens: Iterable[str]) -> str:
        return "".join(tokens)

    def decode(self, numbers: Iterable[int], *, copies: Sequence[str] | None = None) -> str:
        """Numbers -> text; an unknown character without its copy shows as U+FFFD."""
        return self.join(spelled(self.vocabulary, numbers, copies, "\ufffd"))

    @property
    def all_tokens(self) -> list[str]:
        """The token that each number stands for."""
        return self.vocabulary.tokens

    def __len__(self) -> int:
        return len(self.vocabulary)

    def to_dict(self) -> dict:
        return common(self)


Tokenizer = WordTokenizer | CharacterTokenizer | SubwordTokenizer
UNITS = {"word": WordTokenizer, "character": CharacterTokenizer, "subword": SubwordTokenizer}


def train_tokenizer(
    unit: str,
    texts: Iterable[str],
    *,
    size: int | None = None,
    minimum_count: int = 1,
    lowercase: bool = False,
    nfc: bool = True,
    tokenized: bool = False,
    model: str = "bpe",
) -> Tokenizer:
    """Units of a kind ("word", "character" or "subword"), learned from texts.

    size            at most so many tokens, special ones included; subwords take 8,000 if it is None
    minimum_count   words and characters seen less often are `<unk>`
    tokenized       the words are already separated by spaces
    model           of the subwords: "bpe" or "unigram"

    InputError: an unknown kind, or texts without a single token."""
    if unit not in UNITS:
        raise InputError(f"--unit {unit}: no such unit{nearest(unit, UNITS)}")
    spelling = TextNormaliser(lowercase, nfc)
    if unit == "subword":
        return SubwordTokenizer.fit(texts, size=size or 8000, model=model, spelling=spelling)
    empty = (
        WordTokenizer(Vocabulary([]), spelling, tokenized)
        if unit == "word"
        else CharacterTokenizer(Vocabulary([]), spelling)
    )
    vocabulary = Vocabulary.count(
        map(empty.tokens, texts), minimum_count=minimum_count, maximum_size=size
    )
    if len(vocabulary) == len(vocabulary.specials):
        raise InputError(f"no {unit} occurs {minimum_count} times or more in the training texts")
    return (
        WordTokenizer(vocabulary, spelling, tokenized)
        if unit == "word"
        else CharacterTokenizer(vocabulary, spelling)
    )


def units_from_dict(content: dict) -> Tokenizer:
    """The units that gave this dictionary by `to_dict`; ValueError where it is none."""
    try:
        unit, spelling = content["unit"], TextNormaliser(**content["spelling"])
        if unit == "subword":
            return SubwordTokenizer.from_dict(content, spelling=spelling)
        vocabulary = Vocabulary.from_dict(content["vocabulary"])
        if unit == "word":
            return WordTokenizer(vocabulary, spelling, bool(content["tokenized"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"units: not what was saved: {error!r}") from None
    if unit != "character":
        raise ValueError(f"units: unknown kind {unit!r}{nearest(str(unit), UNITS)}")
    return CharacterTokenizer(vocabulary, spelling)


def words(chunk: str) -> list[str]:
    """words("▁don't!") -> ["▁don", "'t", "!"]"""
    pieces = [match.group() for match in WORD.finditer(chunk, 1)]
    pieces[0] = SPACE + pieces[0]
    return pieces


def spelled(
    vocabulary: Vocabulary, numbers: Iterable[int], copies: Sequence[str] | None, unknown: str
) -> list[str]:
    """The tokens of numbers, without <pad>, <bos> and <eos>, and with copies in place of <unk>."""
    tokens = []
    for place, number in enumerate(numbers):
        if number == UNK:
            tokens.append(unknown if copies is None else copies[place])
        elif number not in (PAD, BOS, EOS):
            tokens.append(vocabulary.tokens[number])
    return tokens


def common(units: WordTokenizer | CharacterTokenizer) -> dict:
    spelling = {"lowercase": units.spelling.lowercase, "nfc": units.spelling.nfc}
    return {"unit": units.name, "spelling": spelling, "vocabulary": units.vocabulary.to_dict()}
