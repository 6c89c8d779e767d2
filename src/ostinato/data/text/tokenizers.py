"""Text <-> tokens <-> ids: words, characters or subwords, all with the same few methods.

tokenizer = train_tokenizer("word", ["Hello, world!"])
tokenizer.tokenize("Hello, world!") -> ["▁Hello", ",", "▁world", "!"]
tokenizer.decode(tokenizer.encode("Hello, world!")) -> "Hello, world!"

The law: `tokenizer.decode(tokenizer.encode(text)) == tokenizer.normalise(text)` if no token is
unknown. `tokenize` and `encode` give as many items, so that a decoder can copy the source token
whose id is `<unk>`. None adds `<bos>` or `<eos>`; `decode` leaves out both, and `<pad>`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ostinato.data.text.normalisation import SPACE, TextNormaliser
from ostinato.data.text.subwords import DEFAULT_SIZE, SubwordTokenizer
from ostinato.data.text.vocabulary import BOS, EOS, PAD, UNK, Vocabulary
from ostinato.errors import InputError, nearest, option_name

# combining marks, which \w leaves out
MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u06d6-\u06ed\u0900-\u0903"
    "\u093a-\u094f\u0981-\u0983\u09bc-\u09cd\u0a01-\u0a03\u0a3c-\u0a4d\u0b01-\u0b03\u0b82"
    "\u0bbe-\u0bcd\u0c00-\u0c04\u0c3e-\u0c4d\u0d00-\u0d03\u0d3e-\u0d4d\u0e31\u0e34-\u0e3a"
    "\u0e47-\u0e4e\u200c\u200d\ufe00-\ufe0f"
)
LETTERS = rf"(?:[^\W\d_][{MARKS}]*)+"
WORD = re.compile(
    rf"{LETTERS}['’](?=[aeiouyhœæ]|[à-åè-ïò-öù-ý])"  # an elision, kept on its left: l' homme
    rf"|(?<=[^\W\d_])['’]{LETTERS}"  # a contraction, kept on its right: don 't, it 's
    rf"|{LETTERS}"
    r"|\d+(?:[.,:]\d+)*"
    r"|([^\w\s])\1*"  # a run of one mark: ... !! --
    r"|\S",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class WordTokenizer:
    """Words and marks; a token that follows a space starts with "▁", so that joining is exact.

    `tokenized` texts are split at their spaces only, and joined with spaces."""

    vocabulary: Vocabulary
    normaliser: TextNormaliser = field(default_factory=TextNormaliser)
    tokenized: bool = False
    name = "word"

    def normalise(self, text: str) -> str:
        """What `decode` gives back: one space between words, none at the ends."""
        if self.tokenized:
            return " ".join(self.normaliser(text).split())
        return self.normaliser.normalise_spaces(text)

    def tokenize(self, text: str) -> list[str]:
        """Text -> tokens."""
        chunks = self.normalise(text).split()
        if self.tokenized:
            return chunks
        return [token for chunk in chunks for token in split_words(SPACE + chunk)]

    def encode(self, text: str, *, sample: int | None = None) -> list[int]:
        """Text -> ids. `sample` is for tokenizers with several segmentations: words have one."""
        return self.vocabulary.encode(self.tokenize(text))

    def detokenize(self, tokens: Iterable[str]) -> str:
        """Tokens -> text."""
        return " ".join(tokens) if self.tokenized else "".join(tokens).replace(SPACE, " ").strip()

    def decode(self, ids: Iterable[int], *, copies: Sequence[str] | None = None) -> str:
        """Ids -> text; `copies[i]` replaces id i where it is `<unk>`, by default "<unk>"."""
        unknown = "<unk>" if self.tokenized else SPACE + "<unk>"
        return self.detokenize(ids_to_tokens(self.vocabulary, ids, copies, unknown))

    @property
    def id_to_token(self) -> list[str]:
        """The token of each id."""
        return self.vocabulary.tokens

    def __len__(self) -> int:
        return len(self.vocabulary)

    def to_dict(self) -> dict[str, Any]:
        """What `tokenizer_from_dict` reads, as JSON can hold it."""
        return {**shared_dict(self), "tokenized": self.tokenized}


@dataclass(frozen=True)
class CharacterTokenizer:
    """Single characters, spaces and line ends among them: nothing but the normaliser loses."""

    vocabulary: Vocabulary
    normaliser: TextNormaliser = field(default_factory=TextNormaliser)
    name = "character"

    def normalise(self, text: str) -> str:
        """What `decode` gives back."""
        return self.normaliser(text)

    def tokenize(self, text: str) -> list[str]:
        """Text -> tokens."""
        return list(self.normalise(text))

    def encode(self, text: str, *, sample: int | None = None) -> list[int]:
        """Text -> ids. `sample` is for tokenizers with several segmentations: this has one."""
        return self.vocabulary.encode(self.normalise(text))

    def detokenize(self, tokens: Iterable[str]) -> str:
        """Tokens -> text."""
        return "".join(tokens)

    def decode(self, ids: Iterable[int], *, copies: Sequence[str] | None = None) -> str:
        """Ids -> text; `copies[i]` replaces id i where it is `<unk>`, by default U+FFFD."""
        return self.detokenize(ids_to_tokens(self.vocabulary, ids, copies, "\ufffd"))

    @property
    def id_to_token(self) -> list[str]:
        """The token of each id."""
        return self.vocabulary.tokens

    def __len__(self) -> int:
        return len(self.vocabulary)

    def to_dict(self) -> dict[str, Any]:
        """What `tokenizer_from_dict` reads, as JSON can hold it."""
        return shared_dict(self)


Tokenizer = WordTokenizer | CharacterTokenizer | SubwordTokenizer
TOKENIZERS = {"word": WordTokenizer, "character": CharacterTokenizer, "subword": SubwordTokenizer}


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
    """A tokenizer with the vocabulary of texts.

    Args:
        unit: "word", "character" or "subword".
        texts: to learn from.
        size: the largest vocabulary, special tokens included; None: any, or 8,000 subwords.
        minimum_count: words and characters seen less often are `<unk>`.
        lowercase: whether case is lost.
        nfc: whether texts are normalised to NFC.
        tokenized: whether words are already separated by spaces.
        model: of the subwords: "bpe" or "unigram".

    Raises:
        InputError: an unknown unit, or texts without a single token.
    """
    if unit not in TOKENIZERS:
        raise InputError(f"{option_name('unit')} {unit}: no such unit{nearest(unit, TOKENIZERS)}")
    normaliser = TextNormaliser(lowercase, nfc)
    if unit == "subword":
        return SubwordTokenizer.fit(
            texts, size=size or DEFAULT_SIZE, model=model, normaliser=normaliser
        )
    empty = (
        WordTokenizer(Vocabulary([]), normaliser, tokenized)
        if unit == "word"
        else CharacterTokenizer(Vocabulary([]), normaliser)
    )
    vocabulary = Vocabulary.count(
        map(empty.tokenize, texts), minimum_count=minimum_count, maximum_size=size
    )
    if len(vocabulary) == len(vocabulary.specials):
        raise InputError(f"no {unit} occurs {minimum_count} times or more in the training texts")
    return replace(empty, vocabulary=vocabulary)


def tokenizer_from_dict(content: dict[str, Any]) -> Tokenizer:
    """The tokenizer that gave this by `to_dict`; ValueError for anything else."""
    try:
        unit, normaliser = content["unit"], TextNormaliser(**content["spelling"])
        if unit == "subword":
            return SubwordTokenizer.from_dict(content, normaliser=normaliser)
        vocabulary = Vocabulary.from_dict(content["vocabulary"])
        if unit == "word":
            return WordTokenizer(vocabulary, normaliser, bool(content["tokenized"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"units: not what was saved: {error!r}") from None
    if unit != "character":
        raise ValueError(f"units: unknown kind {unit!r}{nearest(str(unit), TOKENIZERS)}")
    return CharacterTokenizer(vocabulary, normaliser)


def split_words(chunk: str) -> list[str]:
    """split_words("▁don't!") -> ["▁don", "'t", "!"]"""
    pieces = [match.group() for match in WORD.finditer(chunk, 1)]
    pieces[0] = SPACE + pieces[0]
    return pieces


def ids_to_tokens(
    vocabulary: Vocabulary, ids: Iterable[int], copies: Sequence[str] | None, unknown: str
) -> list[str]:
    """The tokens of ids, without <pad>, <bos> and <eos>, and with copies in place of <unk>."""
    tokens = []
    for place, number in enumerate(ids):
        if number == UNK:
            tokens.append(unknown if copies is None else copies[place])
        elif number not in (PAD, BOS, EOS):
            tokens.append(vocabulary.tokens[number])
    return tokens


def shared_dict(tokenizer: WordTokenizer | CharacterTokenizer) -> dict[str, Any]:
    """What words and characters save; the keys are those of the saved models."""
    normaliser = {"lowercase": tokenizer.normaliser.lowercase, "nfc": tokenizer.normaliser.nfc}
    vocabulary = tokenizer.vocabulary.to_dict()
    return {"unit": tokenizer.name, "spelling": normaliser, "vocabulary": vocabulary}
