"""Pieces of words that the data itself suggests, so that hardly any word is unknown."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from ostinato.data.text.normalisation import SPACE, TextNormaliser
from ostinato.data.text.vocabulary import BOS, EOS, PAD, SPECIALS, UNK
from ostinato.errors import InputError, nearest

MODELS = ("bpe", "unigram")  # Sennrich, Haddow and Birch 2016; Kudo 2018
LONGEST = (
    2000  # characters of a training line: an unbroken line takes time in the square of its length
)


class SubwordTokenizer:
    """Pieces of words, "▁" at the start of those that follow a space: sentencepiece, trained on the user's own texts.

    SubwordTokenizer.fit(texts, size=8000).tokens("Inquiet ?") -> ["▁In", "qui", "et", "▁?"]

    Its numbers begin as any vocabulary's do: `<pad> <unk> <bos> <eos>` are 0, 1, 2, 3."""

    name = "subword"

    def __init__(self, proto: bytes, *, model: str = "bpe", spelling: TextNormaliser | None = None):
        """`proto`: sentencepiece's serialised model; `model`: which kind it is, "bpe" or "unigram"."""
        self.proto, self.model, self.spelling = proto, model, spelling or TextNormaliser()

    @classmethod
    def fit(
        cls,
        texts: Iterable[str],
        *,
        size: int = 8000,
        model: str = "bpe",
        spelling: TextNormaliser | None = None,
    ) -> SubwordTokenizer:
        """Learn at most `size` pieces (fewer if the texts do not hold as many), the same ones every time.

        InputError: an unknown `model`, a `size` too small to hold anything, texts without a character."""
        from sentencepiece import SentencePieceTrainer

        if model not in MODELS:
            raise InputError(f"--subword-model {model}: no such model{nearest(model, MODELS)}")
        spelling = spelling or TextNormaliser()
        lines = affordable([piece for text in texts for piece in cut(spelling.spaced(text))], size)
        proto = io.BytesIO()
        SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=proto,
            model_type=model,
            vocab_size=size,
            hard_vocab_limit=False,
            character_coverage=1.0,
            normalization_rule_name="identity",  # the spelling has done it; the default also folds ½ and …
            max_sentence_length=8 * LONGEST,
            pad_id=PAD,
            unk_id=UNK,
            bos_id=BOS,
            eos_id=EOS,
            **{f"{special[1:-1]}_piece": special for special in SPECIALS},
            num_threads=1,  # several would add in another order each time
            minloglevel=2,
        )
        return cls(proto.getvalue(), model=model, spelling=spelling)

    @cached_property
    def processor(self):
        from sentencepiece import SentencePieceProcessor

        try:
            return SentencePieceProcessor(model_proto=self.proto)
        except (RuntimeError, OSError):
            raise ValueError("units: the saved subword model is damaged") from None

    def normalise(self, text: str) -> str:
        """What comes back from `decode`: the spelling's text, one space between words, none at the ends."""
        return self.spelling.spaced(text)

    def tokens(self, text: str) -> list[str]:
        return self.processor.encode(self.normalise(text), out_type=str)

    def encode(self, text: str, *, sample: int | None = None, alpha: float = 0.1) -> list[int]:
        """Text -> numbers. With `sample`, a seed, one of the many ways to cut the text, so that a model sees more of
        them than the data holds: a bpe model leaves out a merge with probability `alpha` (BPE-dropout, Provilkov and
        others 2020), a unigram model draws from its distribution raised to `alpha` (Kudo 2018).

        sentencepiece draws from one generator for the whole process, so it is seeded anew for each text: the same
        text, seed and alpha give the same pieces whatever was drawn before."""
        if sample is None:
            return self.processor.encode(self.normalise(text))
        from sentencepiece import set_random_generator_seed

        set_random_generator_seed(sample % 2**32)
        whole = (
            {"nbest_size": -1} if self.model == "unigram" else {}
        )  # with it, a bpe model would not draw at all
        return self.processor.encode(
            self.normalise(text), enable_sampling=True, alpha=alpha, **whole
        )

    def join(self, tokens: Iterable[str]) -> str:
        return "".join(tokens).replace(SPACE, " ").strip()

    def decode(self, numbers: Iterable[int], *, copies: Sequence[str] | None = None) -> str:
        """Numbers -> text; `copies[i]` is the token put where number i is `<unk>`, which else shows as U+FFFD."""
        pieces = []
        for place, number in enumerate(numbers):
            if number == UNK:
                pieces.append("\ufffd" if copies is None else copies[place])
            elif number not in (PAD, BOS, EOS):
                pieces.append(self.processor.id_to_piece(number))
        return self.join(pieces)

    @property
    def all_tokens(self) -> list[str]:
        """The piece that each number stands for."""
        return self.processor.id_to_piece(list(range(len(self))))

    def __len__(self) -> int:
        return self.processor.get_piece_size()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SubwordTokenizer) and self.to_dict() == other.to_dict()

    __hash__ = None  # equal by content, so no key

    def to_dict(self) -> dict:
        spelling = {"lowercase": self.spelling.lowercase, "nfc": self.spelling.nfc}
        proto = base64.b64encode(self.proto).decode("ascii")
        return {"unit": self.name, "spelling": spelling, "model": self.model, "proto": proto}

    @classmethod
    def from_dict(cls, content: dict, *, spelling: TextNormaliser) -> SubwordTokenizer:
        """ValueError where the saved model is damaged."""
        try:
            proto = base64.b64decode(content["proto"], validate=True)
        except ValueError:
            proto = b""
        units = cls(proto, model=content["model"], spelling=spelling)
        if len(units) <= len(SPECIALS):  # which an empty model is too
            raise ValueError("units: the saved subword model is damaged")
        return units


def cut(line: str) -> Iterator[str]:
    """A line in pieces of at most LONGEST characters."""
    for start in range(0, len(line), LONGEST):
        yield line[start : start + LONGEST]


def affordable(lines: list[str], size: int) -> list[str]:
    """The lines without the characters that no piece could be spared for: the rarest, and only if there are many."""
    counts = Counter(character for line in lines for character in line)
    counts.pop(" ", None)
    if not counts:
        raise InputError("no text to learn subwords from")
    room = size - len(SPECIALS) - 1  # one for the space
    if room < 1:
        raise InputError(
            f"--vocabulary-size {size}: too small for subwords; give a few hundred or more"
        )
    if len(counts) <= room:
        return lines
    ranked = sorted(counts, key=lambda character: (-counts[character], character))
    rare = dict.fromkeys(map(ord, ranked[max(1, room * 3 // 4) :]), " ")
    return [line.translate(rare) for line in lines]
