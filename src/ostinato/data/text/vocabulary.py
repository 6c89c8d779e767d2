"""Tokens and their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any

from ostinato.notices import notify

SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>")
PAD, UNK, BOS, EOS = range(4)
MOST_COUNTED = 2_000_000  # different tokens, which take 400 MB
TEXTS_AT_A_TIME = 1000


def count_tokens(texts: Iterable[Iterable[str]], *, most: int = MOST_COUNTED) -> Counter[str]:
    """How often each token occurs; of very many different ones the rarest are forgotten.

    Args:
        texts: of tokens.
        most: different tokens beyond which those seen least so far are dropped, until at most half
            as many are left.
    """
    counts: Counter[str] = Counter()
    rest, dropped = iter(texts), False
    while part := list(islice(rest, TEXTS_AT_A_TIME)):
        counts.update(chain.from_iterable(part))
        least = 1
        while len(counts) > most or (least > 1 and len(counts) > most // 2):
            counts = Counter({token: n for token, n in counts.items() if n > least})
            least, dropped = least + 1, True
    if dropped:
        notify(
            f"more than {most:,} different tokens: the rarest were dropped while counting, so that "
            "counts of rare tokens are too low"
        )
    return counts


class Vocabulary:
    """Tokens and their ids: `<pad> <unk> <bos> <eos>` are 0, 1, 2, 3, then the most frequent first.

    vocabulary = Vocabulary.count([["b", "a"], ["b"]])
    vocabulary.encode(["a", "b", "c"]) -> [5, 4, 1];  vocabulary.decode([4, 1]) -> ["b", "<unk>"]

    Labels have no special tokens: `Vocabulary.count(labels, specials=())`.

    Args:
        tokens: all but the special ones.
        specials: the special tokens, which come first.

    Attributes:
        tokens: all of them; the index is the id.
        token_ids: the id of each token that is not special.

    Raises:
        ValueError: a token twice.
    """

    def __init__(self, tokens: Sequence[str], *, specials: Sequence[str] = SPECIALS):
        self.specials = tuple(specials)
        self.tokens = [*self.specials, *tokens]
        ids = {token: number for number, token in enumerate(self.tokens)}
        if len(ids) != len(self.tokens):
            raise ValueError("tokens: the same token stands in the vocabulary twice")
        self.unknown = ids.get("<unk>") if self.specials else None
        # without the special ones: a text that spells "<pad>" or "<eos>" must not end its sentence
        self.token_ids = {token: n for token, n in ids.items() if n >= len(self.specials)}

    @classmethod
    def count(
        cls,
        texts: Iterable[Iterable[str]],
        *,
        minimum_count: int = 1,
        maximum_size: int | None = None,
        specials: Sequence[str] = SPECIALS,
    ) -> Vocabulary:
        """The most frequent tokens of texts, equally frequent ones in alphabetical order.

        Args:
            texts: of tokens.
            minimum_count: tokens that occur less often are left out.
            maximum_size: of the vocabulary, special tokens included.
            specials: the special tokens.
        """
        if maximum_size is not None and maximum_size <= len(specials):
            raise ValueError(
                f"maximum_size: must leave room beside {len(specials)} special tokens; "
                f"got {maximum_size}"
            )
        counts = count_tokens(texts)
        for special in specials:
            counts.pop(special, None)
        kept = [item for item in counts.items() if item[1] >= minimum_count]
        kept.sort(key=lambda item: (-item[1], item[0]))
        room = None if maximum_size is None else maximum_size - len(specials)
        return cls([token for token, _ in kept[:room]], specials=specials)

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Tokens -> ids; unknown ones are `<unk>`, or a ValueError where there is no `<unk>`."""
        if self.unknown is None:
            return [self.token_to_id(token) for token in tokens]
        get, unknown = self.token_ids.get, self.unknown
        return [get(token, unknown) for token in tokens]

    def token_to_id(self, token: str) -> int:
        """The id of one token or label; ValueError naming it if it is not known."""
        found = self.token_ids.get(token, self.unknown)
        if found is None:
            known = ", ".join(each[:60] for each in self.tokens[:10])
            raise ValueError(f"{token[:200]!r} is not among the {len(self)} known: {known}")
        return found

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Ids -> tokens, the special ones too."""
        return [self.tokens[number] for number in ids]

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self.token_ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.to_dict() == other.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` reads, as JSON can hold it."""
        return {"specials": list(self.specials), "tokens": self.tokens[len(self.specials) :]}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Vocabulary:
        """The vocabulary that gave this by `to_dict`; ValueError for anything else."""
        tokens, specials = (
            (content.get("tokens"), content.get("specials"))
            if isinstance(content, dict)
            else (None, None)
        )
        if (
            not isinstance(tokens, list)
            or not isinstance(specials, list)
            or not all(isinstance(token, str) for token in (*tokens, *specials))
        ):
            raise ValueError("vocabulary: expected lists of strings under 'specials' and 'tokens'")
        return cls(tokens, specials=specials)
