"""Bag of words: logistic regression on how often each word, or pair of neighbouring words, occurs. Order is not seen.

scikit-learn finds the weights; to use them needs nothing but what is here, so a saved model is numbers and words."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.data.batching.batch import Batch


def available() -> bool:
    """Whether scikit-learn is installed."""
    return importlib.util.find_spec("sklearn") is not None


class BagOfWords:
    """Which number each n-gram has, and how much it counts: what makes a vector of a text.

    weighting  "counts", or "tf-idf": counts times ln((1 + texts) / (1 + texts with it)) + 1, to length 1 (as scikit-learn)
    Number 0 is no n-gram: it is what padding adds, and counts nothing."""

    def __init__(
        self,
        ngrams: Sequence[str],
        idf: Sequence[float] | np.ndarray,
        *,
        order: int = 2,
        weighting: str = "tf-idf",
    ):
        self.ngrams, self.order, self.weighting = list(ngrams), order, weighting
        self.ids = {ngram: index for index, ngram in enumerate(self.ngrams, start=1)}
        self.idf = np.concatenate([[0.0], np.asarray(idf, dtype=np.float64)])

    @classmethod
    def fit(
        cls,
        texts: Iterable[Sequence[str]],
        *,
        order: int = 2,
        weighting: str = "tf-idf",
        minimum: int = 2,
        most: int = 50_000,
    ) -> BagOfWords:
        """From tokenised texts: the `most` frequent n-grams of up to `order` tokens that occur in `minimum` texts or more."""
        counts: Counter[str] = Counter()
        documents = 0
        for tokens in texts:
            documents += 1
            counts.update(set(extract_ngrams(tokens, order)))
        kept = sorted(
            (item for item in counts.items() if item[1] >= minimum),
            key=lambda item: (-item[1], item[0]),
        )[:most]
        frequencies = np.array([count for _, count in kept], dtype=np.float64)
        return cls(
            [ngram for ngram, _ in kept],
            np.log((1 + documents) / (1 + frequencies)) + 1,
            order=order,
            weighting=weighting,
        )

    def vector(self, tokens: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(numbers, values) of the n-grams that a text has; ([0], [0.0]) if it has none that is known."""
        counts = Counter(
            number
            for ngram in extract_ngrams(tokens, self.order)
            if (number := self.ids.get(ngram))
        )
        if not counts:
            return np.zeros(1, dtype=np.int64), np.zeros(1)
        numbers = np.array(list(counts), dtype=np.int64)
        values = np.array(list(counts.values()), dtype=np.float64)
        if self.weighting == "tf-idf":
            values *= self.idf[numbers]
            values /= np.linalg.norm(values)
        return numbers, values

    def __len__(self) -> int:
        return len(self.ngrams)

    def to_dict(self) -> dict[str, Any]:
        return {
            "ngrams": self.ngrams,
            "idf": self.idf[1:].tolist(),
            "order": self.order,
            "weighting": self.weighting,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> BagOfWords:
        """ValueError where `content` is not what to_dict gave."""
        try:
            return cls(
                content["ngrams"],
                content["idf"],
                order=int(content["order"]),
                weighting=str(content["weighting"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"bag of words: not what was saved: {error!r}") from None


def extract_ngrams(tokens: Sequence[str], order: int) -> Iterator[str]:
    """ngrams(["a", "b", "c"], 2) -> "a", "b", "c", "a b", "b c" """
    for size in range(1, order + 1):
        yield from (
            " ".join(tokens[start : start + size]) for start in range(len(tokens) - size + 1)
        )


def fit_logistic_regression(
    vectors: Sequence[tuple[np.ndarray, np.ndarray]],
    labels: np.ndarray,
    features: int,
    classes: int,
    *,
    strength: float = 10.0,
    weights: Mapping[int, float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Logistic regression by scikit-learn: (coefficients [features + 1, classes], intercepts [classes]).

    labels    [N] class numbers, each class at least once; or [N, classes] of 0 and 1, each class then for itself
    strength  scikit-learn's C: smaller pulls the coefficients harder towards 0
    weights   of the classes"""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    rows = np.cumsum([0, *(len(numbers) for numbers, _ in vectors)])
    matrix = csr_matrix(
        (
            np.concatenate([values for _, values in vectors]),
            np.concatenate([numbers for numbers, _ in vectors]),
            rows,
        ),
        shape=(len(vectors), features + 1),
    )
    if labels.ndim == 2:
        return fit_each_label(matrix, labels, strength)
    model = LogisticRegression(
        C=strength, max_iter=1000, class_weight=None if weights is None else dict(weights)
    ).fit(matrix, labels)
    if classes == 2:  # scikit-learn has one column: the second class against the first
        return np.concatenate([-model.coef_, model.coef_]).T / 2, np.concatenate(
            [-model.intercept_, model.intercept_]
        ) / 2
    return model.coef_.T, model.intercept_


def fit_each_label(
    matrix: Any, labels: np.ndarray, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """A regression for each label; one that all or no texts have needs none, only its share."""
    from sklearn.linear_model import LogisticRegression

    coefficients = np.zeros((matrix.shape[1], labels.shape[1]))
    intercepts = np.zeros(labels.shape[1])
    for column, wanted in enumerate(labels.T):
        if len(np.unique(wanted)) < 2:
            intercepts[column] = 10.0 if wanted[0] else -10.0
            continue
        model = LogisticRegression(C=strength, max_iter=1000).fit(matrix, wanted)
        coefficients[:, column], intercepts[column] = model.coef_[0], model.intercept_[0]
    return coefficients, intercepts


class LinearClassifier(nn.Module):
    """The solved regression as a network: inputs [B, T, 2] of (n-gram's number, value) -> probabilities [B, C].

    many  each label for itself (sigmoid), rather than one of all (softmax)"""

    def __init__(self, features: int, classes: int, *, many: bool = False):
        super().__init__()
        self.many = many
        self.coefficients = nn.Parameter(torch.zeros(features + 1, classes), requires_grad=False)
        self.intercepts = nn.Parameter(torch.zeros(classes), requires_grad=False)

    def put(self, coefficients: np.ndarray, intercepts: np.ndarray) -> None:
        """Takes what solve() found."""
        self.coefficients.copy_(torch.from_numpy(coefficients))
        self.intercepts.copy_(torch.from_numpy(intercepts))

    def probabilities(self, batch: Batch) -> Tensor:
        numbers, values = batch.inputs[..., 0].long(), batch.inputs[..., 1:]
        logits = (self.coefficients[numbers] * values).sum(1) + self.intercepts
        return logits.sigmoid() if self.many else logits.softmax(-1)


class ClassFrequencies(nn.Module):
    """The same answer for everything: how frequent each class was in training."""

    def __init__(self, classes: int):
        super().__init__()
        self.shares = nn.Parameter(torch.zeros(classes), requires_grad=False)

    def put(self, shares: np.ndarray) -> None:
        self.shares.copy_(torch.from_numpy(shares))

    def probabilities(self, batch: Batch) -> Tensor:
        return self.shares.expand(len(batch), -1)
