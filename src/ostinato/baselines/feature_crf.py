"""A conditional random field on features of words: the tagger before neural networks.

A word is described by itself, its prefixes, suffixes and shape, those of its neighbours, and the
pairs that it forms with them; each feature has a weight for each tag, and each pair of tags one.
Source: Lafferty, McCallum and Pereira 2001; features as in McCallum and Li 2003. Fitted by Adagrad
(Duchi, Hazan and Singer 2011), which needs a few passes where L-BFGS needs a hundred.

N tokens of all sentences, F features, K tags, B sentences, T tokens of the longest.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.decoding.viterbi import viterbi
from ostinato.layers.crf import CRF

LONGEST_AFFIX = 4
BATCH = 64  # sentences of a step
LEARNING_RATE = 0.15
PASSES = (3, 12)  # over the sentences: the fewest and the most
ENOUGH_TOKENS = 1_200_000  # that are read in all passes together
MOST_TOKENS = 300_000  # of one pass; of more sentences, every n-th is read
MOST_WEIGHTS = 6_000_000  # features x tags
MANY_TAGS = 60  # of more tags, fewer tokens are read: a token costs the square of their number
FEW_TOKENS = 30_000  # up to here, features that occur once are kept
BOUNDARY = "\n"  # the word before and after a sentence; no word of a file contains it
# how the code of a feature depends on whose it is: odd factors, one for each distance
FACTORS = {
    distance: np.uint64(0x9E3779B97F4A7C15 + 2 * 0x51ED270B * (distance + 2))
    for distance in (-2, -1, 1, 2)
}
Tagged = tuple[Sequence[str], Sequence[str]]  # words, tags


class FeatureCrf:
    """A tagger: FeatureCrf.fit([(["a", "dog"], ["DET", "NOUN"]), ...]).tag([["a", "cat"]])

    Args:
        tags: The K tags.
        keys: The codes of the features, sorted [F].
        weights: Of each feature and tag [F, K].
        crf: The scores of first, last and neighbouring tags.
    """

    def __init__(self, tags: Sequence[str], keys: np.ndarray, weights: Tensor, crf: CRF):
        self.tags, self.keys, self.crf = list(tags), keys, crf
        self.weights = torch.cat([weights.new_zeros(1, len(self.tags)), weights])
        self.codes = WordCodes()

    @classmethod
    def fit(cls, sentences: Iterable[Tagged]) -> FeatureCrf:
        """Learns from tagged sentences; raises ValueError if there is no word."""
        known = [(words, tags) for words, tags in sentences if len(words)]
        if not known:
            raise ValueError("a conditional random field needs tagged words; got none")
        tags = sorted({tag for _, given in known for tag in given})
        share = min(1.0, (MANY_TAGS / len(tags)) ** 2)
        every = -(-sum(len(words) for words, _ in known) // max(1, int(share * MOST_TOKENS)))
        known = known[::every]
        codes = WordCodes()
        features = codes.describe([words for words, _ in known])  # [N, M]
        keys = choose_keys(features, MOST_WEIGHTS // len(tags))
        ids = torch.from_numpy(find_keys(keys, features))
        numbers = {tag: number for number, tag in enumerate(tags)}
        labels = torch.tensor([numbers[tag] for _, given in known for tag in given])
        lengths = torch.tensor([len(words) for words, _ in known])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            weights, crf = learn(ids, labels, lengths, len(keys), len(tags), share)
        return cls(tags, keys, weights[1:], crf)

    def emissions(self, sentences: Sequence[Sequence[str]]) -> list[Tensor]:
        """The scores of each sentence's tags [T, K], which do not depend on other tags."""
        ids = torch.from_numpy(find_keys(self.keys, self.codes.describe(sentences)))
        scores = nn.functional.embedding_bag(ids, self.weights, mode="sum")
        return list(scores.split([len(words) for words in sentences]))

    def batches(
        self, sentences: Sequence[Sequence[str]]
    ) -> Iterable[tuple[list[int], Tensor, Tensor]]:
        """Sentences of similar length: their rows, padded scores [B, T, K], and lengths [B]."""
        order = sorted(
            (row for row, words in enumerate(sentences) if len(words)),
            key=lambda row: len(sentences[row]),
        )
        for first in range(0, len(order), BATCH):
            rows = order[first : first + BATCH]
            scores = self.emissions([sentences[row] for row in rows])
            lengths = torch.tensor(list(map(len, scores)))
            yield rows, nn.utils.rnn.pad_sequence(scores, batch_first=True), lengths

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The most probable tags of each sentence."""
        found: list[list[str]] = [[] for _ in sentences]
        start, transitions, end = (part.detach() for part in self.crf.potentials())
        for rows, scores, lengths in self.batches(sentences):
            paths = viterbi(scores, lengths, transitions=transitions, start=start, end=end)
            for row, path in zip(rows, paths, strict=True):
                found[row] = [self.tags[label] for label in path.labels]
        return found

    def marginals(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """The probability of each tag for each word of each sentence [T, K]."""
        found = [np.zeros((0, len(self.tags)))] * len(sentences)
        for rows, scores, lengths in self.batches(sentences):
            answers = self.crf.marginals(scores, lengths).numpy()
            for row, answer, length in zip(rows, answers, lengths.tolist(), strict=True):
                found[row] = answer[:length]
        return found

    def log_probability(self, words: Sequence[str], tags: Sequence[str]) -> float:
        """log P(tags | words); -inf for a tag that was never seen."""
        if not len(words):
            return 0.0
        if not set(tags) <= set(self.tags):
            return -float("inf")
        labels = torch.tensor([[self.tags.index(tag) for tag in tags]])
        (scores,) = self.emissions([words])
        with torch.inference_mode():
            return float(self.crf(scores[None], torch.tensor([len(scores)]), labels))

    def to_dict(self) -> dict[str, Any]:
        """Contents for JSON, read by from_dict."""
        kept = (self.weights[1:].abs().amax(1) > 0.01).numpy()
        return {
            "tags": self.tags,
            "keys": encode_array(self.keys[kept].astype("<u8")),
            "weights": encode_array(self.weights[1:][kept].numpy().astype("<f2")),
            **{name: part.tolist() for name, part in self.crf.state_dict().items()},
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> FeatureCrf:
        """Raises ValueError if `saved` does not come from to_dict."""
        try:
            tags, crf = list(saved["tags"]), CRF(len(saved["tags"]))
            crf.load_state_dict({name: torch.tensor(saved[name]) for name in crf.state_dict()})
            keys = decode_array(saved["keys"], "<u8").astype(np.uint64)
            weights = decode_array(saved["weights"], "<f2").reshape(len(keys), len(tags))
            return cls(tags, keys, torch.from_numpy(weights.astype(np.float32)), crf)
        except (KeyError, TypeError, AttributeError, RuntimeError) as error:
            raise ValueError(
                f"a saved conditional random field must have tags, keys and weights ({error})"
            ) from None


def learn(
    ids: Tensor, labels: Tensor, lengths: Tensor, features: int, tags: int, share: float = 1.0
) -> tuple[Tensor, CRF]:
    """Adagrad on -log p of the tags.

    Args:
        ids: The features of each token, 0 for none [N, M].
        labels: [N].
        lengths: Of each sentence.
        features: F.
        tags: K.
        share: Of ENOUGH_TOKENS that are read.

    Returns:
        The weights [F + 1, K], and the CRF with the others.
    """
    weights = torch.zeros(features + 1, tags)
    squares = torch.full_like(weights, 1e-10)  # sums of squared gradients
    crf = CRF(tags)
    nn.init.zeros_(crf.transitions)
    optimizer = torch.optim.Adagrad(crf.parameters(), lr=LEARNING_RATE)
    rows, targets = ids.split(lengths.tolist()), labels.split(lengths.tolist())
    passes = min(max(int(share * ENOUGH_TOKENS) // len(ids), PASSES[0]), PASSES[1])
    for _ in range(passes):
        for batch in torch.randperm(len(lengths)).split(BATCH):
            chosen = batch.tolist()
            present = torch.cat([rows[row] for row in chosen])  # [n, M]
            scores = nn.functional.embedding_bag(present, weights, mode="sum").requires_grad_()
            padded = nn.utils.rnn.pad_sequence(
                list(scores.split(lengths[batch].tolist())), batch_first=True
            )
            wanted = nn.utils.rnn.pad_sequence([targets[row] for row in chosen], batch_first=True)
            optimizer.zero_grad()
            (-crf(padded, lengths[batch], wanted).sum()).backward()
            optimizer.step()
            update_present(weights, squares, present, require_gradient(scores))
    return weights, crf.requires_grad_(False)


def update_present(weights: Tensor, squares: Tensor, present: Tensor, gradient: Tensor) -> None:
    """A step of Adagrad on the rows of `weights` whose features are present.

    Args:
        weights: [F + 1, K].
        squares: The sums of squared gradients so far [F + 1, K].
        present: The features of each token [n, M].
        gradient: Of each token's scores [n, K].
    """
    used, places = present.unique(return_inverse=True)
    each = gradient.repeat_interleave(present.shape[1], 0)  # [n * M, K]
    total = gradient.new_zeros(len(used), gradient.shape[1]).index_add_(0, places.flatten(), each)
    squares[used] += total**2
    weights[used] -= LEARNING_RATE * total / squares[used].sqrt()
    weights[0] = 0  # of no feature


def require_gradient(tensor: Tensor) -> Tensor:
    if tensor.grad is None:
        raise ValueError("the scores have no gradient")
    return tensor.grad


class WordCodes:
    """The codes of words' own features, computed once for each different word."""

    def __init__(self) -> None:
        self.rows: dict[str, np.ndarray] = {}

    def code(self, word: str) -> np.ndarray:
        if word not in self.rows:
            if len(self.rows) > 200_000:
                self.rows.clear()
            self.rows[word] = np.array(
                [hash_text(text) for text in word_features(word)], dtype=np.uint64
            )
        return self.rows[word]

    def describe(self, sentences: Sequence[Sequence[str]]) -> np.ndarray:
        """The codes of the features of every token of all sentences [N, M]."""
        flat, places = [BOUNDARY] * 2, []
        for words in sentences:
            places.append(np.arange(len(flat), len(flat) + len(words)))
            flat += [*words, BOUNDARY, BOUNDARY]
        if len(flat) == 2:
            return np.zeros((0, 1), np.uint64)
        different, inverse = np.unique(np.array(flat, dtype=object), return_inverse=True)
        own = np.stack([self.code(word) for word in different])[inverse]  # [tokens, features]
        place = np.concatenate(places)
        columns = [own[place]]
        for distance, factor in FACTORS.items():
            near = own[place + distance]
            wanted = slice(1, 2) if abs(distance) == 2 else slice(1, 5)
            columns.append(near[:, wanted] * factor)
        lower = own[:, 1]
        pairs = [lower[place] * FACTORS[1] + lower[place + side] for side in (-1, 1)]
        shapes = own[place - 1, 2] * FACTORS[-2] + own[place, 2] * FACTORS[2] + own[place + 1, 2]
        pairs += [pairs[0] * FACTORS[-1], pairs[1] * FACTORS[-2]]  # each side a feature of its own
        return np.column_stack([*columns, *pairs[2:], shapes])


def word_features(word: str) -> list[str]:
    """A word's own features; of its neighbours the second to the fifth are used."""
    lower = word.lower()
    return [
        f"w {word}",
        f"l {lower}",
        f"s {shape(word)}",
        f"e {lower[-3:]}",
        f"b {lower[:3]}",
        f"r {long_shape(word)}",
        *(f"e {lower[-size:]}" for size in (1, 2, LONGEST_AFFIX)),
        *(f"b {lower[:size]}" for size in (1, 2, LONGEST_AFFIX)),
    ]


def long_shape(word: str) -> str:
    """long_shape("McDonald's-98") -> "XxXxxxxx.x-00" """
    return "".join(letter_kind(letter) for letter in word[:20])


def letter_kind(letter: str) -> str:
    """X, x and 0 for letters and digits; another character itself."""
    if letter.isalpha():
        return "X" if letter.isupper() else "x"
    return "0" if letter.isdigit() else letter


def shape(word: str) -> str:
    """shape("McDonald-98") -> "XxXx-0": the long shape without repetitions."""
    found = long_shape(word)
    return "".join(
        letter for place, letter in enumerate(found) if not place or found[place - 1] != letter
    )


def hash_text(text: str) -> int:
    """64 bits that are the same in every process."""
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def choose_keys(features: np.ndarray, most: int) -> np.ndarray:
    """The codes of the features that are kept: those seen twice in longer texts, sorted [F]."""
    keys, counts = np.unique(features, return_counts=True)
    least = 1 if len(features) <= FEW_TOKENS else 2
    kept = counts >= least
    keys, counts = keys[kept], counts[kept]
    if len(keys) > most:
        keys = np.sort(keys[np.argsort(-counts, kind="stable")[:most]])
    return keys


def find_keys(keys: np.ndarray, features: np.ndarray) -> np.ndarray:
    """The position of each feature among the keys, from 1; 0 for one that is not there."""
    if not len(keys):  # no feature was seen twice
        return np.zeros(features.shape, dtype=np.int64)
    places = np.searchsorted(keys, features).clip(max=len(keys) - 1)
    return np.where(keys[places] == features, places + 1, 0)


def encode_array(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def decode_array(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype=kind)
