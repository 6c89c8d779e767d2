"""Which number stands for which token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>")
PAD, UNK, BOS, EOS = range(4)


class Vocabulary:
    """Tokens and their numbers: `<pad> <unk> <bos> <eos>` are 0, 1, 2, 3, then the most frequent first.

    vocabulary = Vocabulary.count([["b", "a"], ["b"]])
    vocabulary.encode(["a", "b", "c"]) -> [5, 4, 1];  vocabulary.decode([4, 1]) -> ["b", "<unk>"]

    Labels have no special tokens: `Vocabulary.count(labels, specials=())`."""

    def __init__(self, tokens: Sequence[str], *, specials: Sequence[str] = SPECIALS):
        """`tokens` without the special ones, which come first."""
        self.specials = tuple(specials)
        self.tokens = [*self.specials, *tokens]
        self.numbers = {token: number for number, token in enumerate(self.tokens)}
        if len(self.numbers) != len(self.tokens):
            raise ValueError("tokens: the same token stands in the vocabulary twice")
        # A text that spells "<pad>" or "<eos>" must not end its own sentence.
        self.unknown = self.numbers.get("<unk>") if self.specials else None
        self.readable = {token: n for token, n in self.numbers.items() if n >= len(self.specials)}

    @classmethod
    def count(
        cls,
        texts: Iterable[Iterable[str]],
        *,
        minimum_count: int = 1,
        maximum_size: int | None = None,
        specials: Sequence[str] = SPECIALS,
    ) -> Vocabulary:
        """The tokens that occur at least `minimum_count` times, the most frequent first, equals in the order of their
        spelling; at most `maximum_size` with the special ones."""
        if maximum_size is not None and maximum_size <= len(specials):
            raise ValueError(
                f"maximum_size: must leave room beside {len(specials)} special tokens; got {maximum_size}"
            )
        counts = Counter(token for text in texts for token in text)
        for special in specials:
            counts.pop(special, None)
        kept = [item for item in counts.items() if item[1] >= minimum_count]
        kept.sort(key=lambda item: (-item[1], item[0]))
        room = None if maximum_size is None else maximum_size - len(specials)
        return cls([token for token, _ in kept[:room]], specials=specials)

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Tokens -> numbers, `<unk>` for the unknown; ValueError for those where there is no `<unk>`."""
        if self.unknown is None:
            return [self.number(token) for token in tokens]
        get, unknown = self.readable.get, self.unknown
        return [get(token, unknown) for token in tokens]

    def number(self, token: str) -> int:
        """The number of one token or label; ValueError naming it if it is not known."""
        if token not in self.readable and self.unknown is None:
            raise ValueError(
                f"{token!r} is not among the {len(self)} known: {', '.join(self.tokens[:10])}"
            )
        return self.readable.get(token, self.unknown)

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """Numbers -> tokens, the special ones too."""
        return [self.tokens[number] for number in numbers]

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self.readable

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.to_dict() == other.to_dict()

    __hash__ = None  # two vocabularies are equal by content, so none is a key

    def to_dict(self) -> dict:
        """What `from_dict` reads, made of what JSON can hold."""
        return {"specials": list(self.specials), "tokens": self.tokens[len(self.specials) :]}

    @classmethod
    def from_dict(cls, content: dict) -> Vocabulary:
        """ValueError where `content` is not what `to_dict` gives."""
        lists = (
            [content.get(key) for key in ("specials", "tokens")]
            if isinstance(content, dict)
            else [None]
        )
        if not all(
            isinstance(each, list) and all(isinstance(token, str) for token in each)
            for each in lists
        ):
            raise ValueError("vocabulary: expected lists of strings under 'specials' and 'tokens'")
        return cls(lists[1], specials=lists[0])
