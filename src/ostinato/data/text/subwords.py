"""Subwords learned from the texts themselves, so that hardly any word is unknown."""

from __future__ import annotations

import base64
import io
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from ostinato.data.text.normalisation import SPACE, TextNormaliser
from ostinato.data.text.subword_sampling import sample_bpe, sample_unigram
from ostinato.data.text.vocabulary import BOS, EOS, PAD, SPECIALS, UNK
from ostinato.errors import InputError, nearest, option_name
from ostinato.notices import notify

MODELS = ("bpe", "unigram")  # Sennrich, Haddow and Birch 2016; Kudo 2018
# characters of a training line: the time for a line without a space is quadratic in its length
LONGEST = 2000
DEFAULT_SIZE = 8000
MOST_CHARACTERS = 50_000_000  # to learn subwords from, which are held in memory
SAMPLED = 1000  # texts by whose lengths that of all is estimated
WORD = re.compile(f"{SPACE}?[^{SPACE}]+|{SPACE}")


class SubwordTokenizer:
    """Subwords, "▁" at the start of those that follow a space: sentencepiece, trained on the texts.

    SubwordTokenizer.fit(texts, size=8000).tokenize("Inquiet ?") -> ["▁In", "qui", "et", "▁?"]

    Its ids begin as any vocabulary's: `<pad> <unk> <bos> <eos>` are 0, 1, 2, 3.

    Args:
        proto: sentencepiece's serialised model.
        model: its kind, "bpe" or "unigram".
        normaliser: of the texts.
    """

    name = "subword"

    def __init__(
        self, proto: bytes, *, model: str = "bpe", normaliser: TextNormaliser | None = None
    ):
        self.proto, self.model = proto, model
        self.normaliser = normaliser or TextNormaliser()

    @classmethod
    def fit(
        cls,
        texts: Iterable[str],
        *,
        size: int = DEFAULT_SIZE,
        model: str = "bpe",
        normaliser: TextNormaliser | None = None,
    ) -> SubwordTokenizer:
        """Learns subwords, the same ones every time.

        Args:
            texts: to learn from.
            size: at most this many tokens; fewer if the texts do not hold as many.
            model: "bpe" or "unigram".
            normaliser: of the texts.

        Raises:
            InputError: an unknown `model`, a `size` too small to hold anything, texts without a
                character.
        """
        from sentencepiece import SentencePieceTrainer

        if model not in MODELS:
            raise InputError(
                f"{option_name('subword_model')} {model}: no such model{nearest(model, MODELS)}"
            )
        normaliser = normaliser or TextNormaliser()
        pieces = (
            piece for text in texts for piece in split_line(normaliser.normalise_spaces(text))
        )
        lines = drop_rare_characters(list(pieces), size)
        proto = io.BytesIO()
        settings: dict[str, Any] = {f"{special[1:-1]}_piece": special for special in SPECIALS}
        SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=proto,
            model_type=model,
            vocab_size=size,
            hard_vocab_limit=False,
            character_coverage=1.0,
            # the normaliser has done it; sentencepiece's default also folds ½ and …
            normalization_rule_name="identity",
            max_sentence_length=8 * LONGEST,
            pad_id=PAD,
            unk_id=UNK,
            bos_id=BOS,
            eos_id=EOS,
            num_threads=1,  # several would add in another order each time
            minloglevel=2,
            **settings,
        )
        return cls(proto.getvalue(), model=model, normaliser=normaliser)

    @cached_property
    def processor(self) -> Any:
        """sentencepiece's own object; ValueError where the model is damaged."""
        from sentencepiece import SentencePieceProcessor

        try:
            return SentencePieceProcessor(model_proto=self.proto)
        except (RuntimeError, OSError):
            raise ValueError("units: the saved subword model is damaged") from None

    def normalise(self, text: str) -> str:
        """What `decode` gives back: one space between words, none at the ends."""
        return self.normaliser.normalise_spaces(text)

    def tokenize(self, text: str) -> list[str]:
        """Text -> tokens."""
        return self.processor.encode(self.normalise(text), out_type=str)

    def encode(self, text: str, *, sample: int | None = None, alpha: float = 0.1) -> list[int]:
        """Text -> ids.

        Args:
            text: one line.
            sample: a seed: draws one of the many segmentations of the text, as regularisation.
            alpha: a bpe model leaves out a merge with this probability (BPE-dropout, Provilkov and
                others 2020); a unigram model draws from its distribution raised to this power
                (Kudo 2018).

        The same text, seed and alpha give the same ids, in every process."""
        if sample is None:
            return self.processor.encode(self.normalise(text))
        draw = sample_unigram if self.model == "unigram" else sample_bpe
        generator = random.Random(sample)
        surface = "".join(self.tokenize(text))  # with SPACE where a word begins
        pieces = [
            piece
            for word in WORD.findall(surface)
            for piece in draw(word, self.scores, alpha, generator)
        ]
        ids = [self.processor.piece_to_id(piece) for piece in pieces]
        # characters that no piece holds are one <unk> where they follow each other
        return [
            id
            for place, id in enumerate(ids)
            if not (id == UNK and ids[place - 1 : place] == [UNK])
        ]

    @cached_property
    def scores(self) -> dict[str, float]:
        """The score of each piece: log P, or minus the rank of its merge."""
        return {
            token: self.processor.get_score(id)
            for id, token in enumerate(self.id_to_token)
            if id not in (PAD, UNK, BOS, EOS)
        }

    def detokenize(self, tokens: Iterable[str]) -> str:
        """Tokens -> text."""
        return "".join(tokens).replace(SPACE, " ").strip()

    def decode(self, ids: Iterable[int], *, copies: Sequence[str] | None = None) -> str:
        """Ids -> text; `copies[i]` replaces id i where it is `<unk>`, by default U+FFFD."""
        pieces = []
        for place, number in enumerate(ids):
            if number == UNK:
                pieces.append("\ufffd" if copies is None else copies[place])
            elif number not in (PAD, BOS, EOS):
                pieces.append(self.processor.id_to_piece(number))
        return self.detokenize(pieces)

    @cached_property
    def id_to_token(self) -> list[str]:
        """The token of each id."""
        return self.processor.id_to_piece(list(range(len(self))))

    def __len__(self) -> int:
        return self.processor.get_piece_size()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SubwordTokenizer) and self.to_dict() == other.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` reads, as JSON can hold it."""
        normaliser = {"lowercase": self.normaliser.lowercase, "nfc": self.normaliser.nfc}
        proto = base64.b64encode(self.proto).decode("ascii")
        return {"unit": self.name, "spelling": normaliser, "model": self.model, "proto": proto}

    @classmethod
    def from_dict(cls, content: dict[str, Any], *, normaliser: TextNormaliser) -> SubwordTokenizer:
        """The tokenizer that gave this by `to_dict`; ValueError where the model is damaged."""
        try:
            proto = base64.b64decode(content["proto"], validate=True)
        except ValueError:
            proto = b""
        tokenizer = cls(proto, model=content["model"], normaliser=normaliser)
        if len(tokenizer) <= len(SPECIALS):  # which an empty model is too
            raise ValueError("units: the saved subword model is damaged")
        return tokenizer


def sample_texts(texts: Sequence[str]) -> Sequence[str]:
    """The texts to learn subwords from: of very many, every k-th, with a notice."""
    some = texts[:: max(1, len(texts) // SAMPLED)]
    characters = sum(map(len, some)) / max(1, len(some)) * len(texts)
    step = max(1, round(characters / MOST_CHARACTERS))
    if step == 1:
        return texts
    notify(
        f"subwords are learned from about {MOST_CHARACTERS:,} characters: one of {step} of "
        f"{len(texts):,} texts"
    )
    return texts[::step]


def split_line(line: str) -> Iterator[str]:
    """A line in pieces of at most LONGEST characters."""
    for start in range(0, len(line), LONGEST):
        yield line[start : start + LONGEST]


def drop_rare_characters(lines: list[str], size: int) -> list[str]:
    """The lines without their rarest characters, if there are too many for `size` subwords."""
    counts = Counter(character for line in lines for character in line)
    counts.pop(" ", None)
    if not counts:
        raise InputError("no text to learn subwords from")
    room = size - len(SPECIALS) - 1  # one for the space
    if room < 1:
        raise InputError(
            f"{option_name('vocabulary_size')} {size}: too small for subwords; "
            "give a few hundred or more"
        )
    if len(counts) <= room:
        return lines
    ranked = sorted(counts, key=lambda character: (-counts[character], character))
    rare = dict.fromkeys(map(ord, ranked[max(1, room * 3 // 4) :]), " ")
    return [line.translate(rare) for line in lines]
